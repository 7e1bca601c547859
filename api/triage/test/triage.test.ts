// Over 250 lines: acknowledging, assigning, commenting and listing use the same alerts, keys and api.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { claim, markNotified, recordFailure, recordResolution, release, retryFailed } from '#prisma/alerts.ts';
import { readArchiveRecords, restoreRecords } from '#prisma/archive-records.ts';
import { deleteFinished } from '#prisma/delete-alerts.ts';
import { MAX_COMMENTS } from '#prisma/triage.ts';
import { send } from '../../destinations/test/destination-client.ts';
import { openEvents } from '../../test/event-reader.ts';
import { keyClients } from '../../test/key-clients.ts';
import { newAlert, startTestApi, type TestApi } from '../../test/test-api.ts';

const { auth, client } = keyClients();
const anna = client('anna', ['write', 'read', 'operate', 'manage']);
const ben = client('ben', ['read', 'operate']);
const reader = client('reader', ['read']);
const harbour = client('harbour', ['read', 'operate'], ['harbour']);

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ auth });
});
afterAll(() => api.close());

const RESOLUTION = {
  ...{ width: 16, height: 16, rotation: 0, codec: 'h264', container: 'mp4', duration: 1, resolution: '16x16' },
};

async function pending(changes: Record<string, unknown> = {}): Promise<string> {
  const alert = newAlert(changes);
  expect((await api.post(alert, anna)).status).toBe(202);
  return alert.uuid;
}

async function failed(changes: Record<string, unknown> = {}): Promise<string> {
  const uuid = await pending(changes);
  await claim(api.db, uuid);
  await recordFailure(api.db, { uuid, claim: 1 }, { code: 'video_timeout', detail: 'late' }, 5);
  await markNotified(api.db, { uuid, claim: 1 });
  return uuid;
}

async function processed(changes: Record<string, unknown> = {}): Promise<string> {
  const uuid = await pending(changes);
  await claim(api.db, uuid);
  await recordResolution(api.db, { uuid, claim: 1 }, RESOLUTION, 5);
  await markNotified(api.db, { uuid, claim: 1 });
  return uuid;
}

const get = (path: string, headers = anna) => send(api, 'GET', path, undefined, headers);
const triage = (uuid: string, change: unknown, headers = anna) =>
  send(api, 'PATCH', `/alerts/${uuid}/triage`, change, headers);
const comment = (uuid: string, text: unknown, headers = anna) =>
  send(api, 'POST', `/alerts/${uuid}/comments`, { text }, headers);
const auditOf = async (uuid: string): Promise<{ action: string; actor: { name: string }; details: unknown }[]> =>
  (await get(`/audit?target=${uuid}`)).body.data;
const instant = expect.stringMatching(/^\d{4}-.*Z$/);

describe('PATCH /alerts/:uuid/triage', () => {
  it('acknowledges an alert once: the first time and name stay', async () => {
    const uuid = await failed();
    const before = await get(`/alerts/${uuid}`);
    expect(before.body.triage).toBeNull();
    const { status, body } = await triage(uuid, { acknowledged: true });
    expect(status).toBe(200);
    const acknowledged = { acknowledged_at: instant, acknowledged_by: 'anna', assignee: null, comments: 0 };
    expect(body.triage).toEqual(acknowledged);
    expect((await triage(uuid, { acknowledged: true, assignee: 'ben' }, ben)).body.triage).toEqual({
      ...body.triage,
      assignee: 'ben',
    });
    const after = await get(`/alerts/${uuid}`);
    expect(after.headers.get('etag')).not.toBe(before.headers.get('etag'));
    expect((await get('/alerts?limit=1')).body.data[0].triage).toEqual(after.body.triage);
    expect((await triage(uuid, { acknowledged: false, assignee: null })).body.triage).toBeNull();
    expect((await auditOf(uuid)).map(({ action, actor, details }) => [action, actor.name, details])).toEqual([
      ['alert.assigned', 'anna', { assignee: null, previous_assignee: 'ben' }],
      ['alert.reopened', 'anna', {}],
      ['alert.assigned', 'ben', { assignee: 'ben', previous_assignee: null }],
      ['alert.acknowledged', 'anna', {}],
    ]);
  });

  it('accepts failed and late alerts, and reports the state of others', async () => {
    const late = await pending();
    const notLate = await triage(late, { acknowledged: true });
    expect(notLate).toMatchObject({
      status: 409,
      body: { type: '/problems/triage-not-needed', status_now: 'pending' },
    });
    await claim(api.db, late);
    await release(api.db, { uuid: late, claim: 1 }, 0, { refund: false, error: 'video_timeout: x', delayMs: 60_000 });
    const row = await api.db.alert.findUniqueOrThrow({ where: { uuid: late } });
    expect((await triage(late, { acknowledged: true, assignee: 'anna' })).status).toBe(200);
    // The scan for overdue alerts depends on it.
    expect((await api.db.alert.findUniqueOrThrow({ where: { uuid: late } })).updatedAt).toEqual(row.updatedAt);
    await claim(api.db, late);
    await recordResolution(api.db, { uuid: late, claim: 2 }, RESOLUTION, 5);
    expect((await triage(late, { acknowledged: true })).status).toBe(200);
    expect((await triage(late, { assignee: 'ben' })).body.status_now).toBe('processed');
    expect((await triage(late, { acknowledged: false, assignee: null })).body.triage).toBeNull();
  });

  it('keeps everything over a retry', async () => {
    const uuid = await failed();
    await triage(uuid, { acknowledged: true, assignee: 'ben' });
    await comment(uuid, 'on it');
    const { body } = await get(`/alerts/${uuid}`);
    await retryFailed(api.db, [uuid]);
    expect((await get(`/alerts/${uuid}`)).body).toMatchObject({ status: 'pending', triage: body.triage });
  });

  it('rejects invalid input, unknown alerts, and keys without the scope or the store', async () => {
    const uuid = await failed({ store: 'station' });
    for (const change of [{}, { acknowledged: 'yes' }, { assignee: '' }, { assignee: 'a\nb' }, { other: 1 }]) {
      expect((await triage(uuid, change)).status, JSON.stringify(change)).toBe(422);
    }
    expect((await triage('x', { acknowledged: true })).status).toBe(422);
    expect((await triage(randomUUID(), { acknowledged: true })).status).toBe(404);
    expect((await triage(uuid, { acknowledged: true }, reader)).status).toBe(403);
    expect((await triage(uuid, { acknowledged: true }, harbour)).status).toBe(404);
    const own = await failed({ store: 'harbour' });
    expect((await triage(own, { acknowledged: true }, harbour)).status).toBe(200);
    expect((await get(`/alerts/${uuid}/triage`)).headers.get('allow')).toBe('PATCH');
    expect((await get(`/alerts/${uuid}`)).body.triage).toBeNull();
  });

  it('appears in the event stream', async () => {
    const uuid = await failed({ store: 'quay' });
    const events = await openEvents(`${api.url}/alerts/events?store=quay`, anna);
    // An open transaction of another test can put the failure into the stream, too.
    const until = async (comments: number) => {
      for (;;) {
        const { event, data } = await events.next();
        if (data.triage?.comments === comments) return { event, ...data };
      }
    };
    await triage(uuid, { acknowledged: true });
    expect(await until(0)).toMatchObject({ event: 'alert.failed', uuid, triage: { acknowledged_by: 'anna' } });
    await comment(uuid, 'done');
    expect(await until(1)).toMatchObject({ uuid, triage: { acknowledged_by: 'anna' } });
    events.close();
  });
});

describe('the timeline', () => {
  it('has who did what, oldest first, without what was done to a deleted alert with the same uuid', async () => {
    const uuid = await failed();
    const history = async () => (await get(`/alerts/${uuid}/timeline`, reader)).body.triage;
    expect(await history()).toEqual([]);
    await triage(uuid, { acknowledged: true, assignee: 'ben' });
    await comment(uuid, 'on it', ben);
    await triage(uuid, { acknowledged: false, assignee: null }, ben);
    const event = (action: string, by: string, assignee: string | null = null) => ({
      ...{ action, by, assignee, at: instant },
    });
    expect(await history()).toEqual([
      event('acknowledged', 'anna'),
      event('assigned', 'anna', 'ben'),
      event('commented', 'ben'),
      event('reopened', 'ben'),
      event('assigned', 'ben'),
    ]);
    expect((await get(`/alerts/${uuid}/timeline`, harbour)).status).toBe(404);
    expect((await send(api, 'DELETE', `/alerts/${uuid}`, undefined, anna)).status).toBe(204);
    expect(await failed({ uuid })).toBe(uuid);
    expect(await history()).toEqual([]);
  });
});

describe('POST /alerts/triage', () => {
  it('returns one result per uuid, in the same order', async () => {
    const [first, second, other] = [await failed(), await failed({ store: 'harbour' }), await processed()];
    const unknown = randomUUID();
    const body = { uuids: [second, other, unknown, first, second], acknowledged: true, assignee: 'ben' };
    const response = await send(api, 'POST', '/alerts/triage', body, anna);
    expect(response.status).toBe(200);
    const done = {
      status: 200,
      triage: { acknowledged_at: instant, acknowledged_by: 'anna', assignee: 'ben', comments: 0 },
    };
    expect(response.body.results).toMatchObject([
      { uuid: second, ...done },
      { uuid: other, status: 409, problem: { type: '/problems/triage-not-needed', status_now: 'processed' } },
      { uuid: unknown, status: 404, problem: { type: '/problems/not-found' } },
      { uuid: first, ...done },
      { uuid: second, ...done },
    ]);
    expect((await auditOf(second)).length).toBe(2);
    const limited = await send(api, 'POST', '/alerts/triage', { uuids: [first, second], assignee: 'x' }, harbour);
    expect(limited.body.results.map(({ status }: { status: number }) => status)).toEqual([404, 200]);
    expect((await send(api, 'POST', '/alerts/triage', { uuids: [], acknowledged: true }, anna)).status).toBe(422);
    expect((await send(api, 'POST', '/alerts/triage', { uuids: [first] }, anna)).status).toBe(422);
    const many = { uuids: Array.from({ length: 201 }, () => randomUUID()), acknowledged: true };
    expect((await send(api, 'POST', '/alerts/triage', many, anna)).status).toBe(422);
    expect((await send(api, 'POST', '/alerts/triage', { ...many, uuids: many.uuids.slice(1) }, ben)).status).toBe(200);
    expect((await send(api, 'POST', '/alerts/triage', body, reader)).status).toBe(403);
  });

  it('lets requests for the same alerts wait for each other', async () => {
    const uuids = await Promise.all(Array.from({ length: 10 }, () => failed()));
    const change = (order: string[], assignee: string) =>
      send(api, 'POST', '/alerts/triage', { uuids: order, acknowledged: true, assignee }, anna);
    const both = await Promise.all([change(uuids, 'anna'), change(uuids.toReversed(), 'ben'), change(uuids, 'anna')]);
    expect(both.map(({ status }) => status)).toEqual([200, 200, 200]);
    const rows = await api.db.triage.findMany({ where: { alert: { uuid: { in: uuids } } } });
    expect(new Set(rows.map(({ assignee }) => assignee)).size).toBe(1);
  });
});

describe('/alerts/:uuid/comments', () => {
  it('adds comments to an alert in any state, and lists them, newest last', async () => {
    const uuid = await pending({ store: 'station' });
    expect((await get(`/alerts/${uuid}/comments`)).body).toEqual({ data: [] });
    const first = await comment(uuid, ' two\r\nlines\t! ');
    expect(first.status).toBe(201);
    expect(first.body).toEqual({ number: 1, text: 'two\nlines\t!', author: 'anna', created_at: instant });
    const second = await comment(uuid, 'second', ben);
    expect((await get(`/alerts/${uuid}/comments`, reader)).body.data).toEqual([first.body, second.body]);
    expect((await get(`/alerts/${uuid}`)).body.triage.comments).toBe(2);
    // The text is deleted with the alert, but the audit log is not.
    const [entry] = await auditOf(uuid);
    expect(entry).toMatchObject({ action: 'alert.commented', actor: { name: 'ben' }, details: { comment: 2 } });
    for (const text of ['', '  ', 'a\u0000', 'x'.repeat(2_001), 7])
      expect((await comment(uuid, text)).status).toBe(422);
    expect((await comment(uuid, 'x'.repeat(2_000))).status).toBe(201);
    expect((await comment(uuid, 'x', reader)).status).toBe(403);
    expect((await comment(uuid, 'x', harbour)).status).toBe(404);
    expect((await get(`/alerts/${uuid}/comments`, harbour)).status).toBe(404);
    expect((await comment(randomUUID(), 'x')).status).toBe(404);
    expect((await get(`/alerts/${randomUUID()}/comments`)).status).toBe(404);
  });

  it('numbers comments that are added at the same time, up to a limit', async () => {
    const uuid = await failed();
    await Promise.all(Array.from({ length: 5 }, (_, n) => comment(uuid, `${n}`)));
    const { data } = (await get(`/alerts/${uuid}/comments`)).body;
    expect(data.map(({ number }: { number: number }) => number)).toEqual([1, 2, 3, 4, 5]);
    await api.db.$executeRaw`UPDATE alert_triage SET comment_count = ${MAX_COMMENTS}::int
      WHERE alert_id = (SELECT id FROM alerts WHERE uuid = ${uuid}::uuid)`;
    expect(await comment(uuid, 'one more')).toMatchObject({
      status: 409,
      body: { type: '/problems/too-many-comments' },
    });
  });
});

describe('GET /alerts?triage=', () => {
  it('lists open, acknowledged and own alerts, page by page and with other filters', async () => {
    const store = randomUUID();
    const [a = '', b = '', c = '', d = ''] = [
      await failed({ store }),
      await failed({ store }),
      await failed({ store }),
      await failed({ store }),
    ];
    await processed({ store });
    await pending({ store });
    await triage(b, { acknowledged: true, assignee: 'ben' });
    await triage(c, { assignee: 'anna' });
    await comment(d, 'seen');
    const list = async (query: string, headers = anna) => {
      const { body } = await get(`/alerts?store=${store}&${query}`, headers);
      return { uuids: body.data.map(({ uuid }: { uuid: string }) => uuid), next: body.next_cursor };
    };
    const page = await list('triage=open&limit=2');
    expect(page.uuids).toEqual([d, c]);
    expect(await list(`triage=open&limit=2&cursor=${page.next}`)).toEqual({ uuids: [a], next: null });
    expect((await list('triage=open&status=processed')).uuids).toEqual([]);
    expect((await list('triage=open&failure_code=video_timeout')).uuids).toEqual([d, c, a]);
    expect((await list('triage=open&q=test_1')).uuids).toEqual([d, c, a]);
    expect((await list('triage=acknowledged')).uuids).toEqual([b]);
    expect((await list('triage=acknowledged&q=test_1')).uuids).toEqual([b]);
    expect((await list('triage=mine')).uuids).toEqual([c]);
    expect((await list('triage=mine', ben)).uuids).toEqual([b]);
    expect((await list('triage=mine&q=test_1', ben)).uuids).toEqual([b]);
    expect((await list('triage=mine&status=processed', ben)).uuids).toEqual([]);
    expect((await get('/alerts?triage=closed')).status).toBe(422);
    // A retried alert leaves `open` by itself.
    await retryFailed(api.db, [a]);
    expect((await list('triage=open')).uuids).toEqual([d, c]);
  });
});

it('is deleted with the alert, and restored from its archive, where nothing is open', async () => {
  const store = randomUUID();
  const uuid = await failed({ store });
  const before = await api.db.alert.findUniqueOrThrow({ where: { uuid } });
  await triage(uuid, { acknowledged: true, assignee: 'ben' });
  // The archive reads rows by the time of their change.
  expect(await readArchiveRecords(api.db, [before])).toEqual([]);
  await comment(uuid, 'closed for good');
  const shown = await get(`/alerts/${uuid}`);
  const comments = await get(`/alerts/${uuid}/comments`);
  const row = await api.db.alert.findUniqueOrThrow({ where: { uuid } });
  const [record] = await readArchiveRecords(api.db, [row]);
  expect((await deleteFinished(api.db, [row])).uuids).toEqual([uuid]);
  expect(await api.db.comment.count({ where: { alertId: row.id } })).toBe(0);
  expect(await restoreRecords(api.db, [record?.line ?? ''], 'data/file')).toBe(1);
  expect((await get(`/alerts/${uuid}`)).body.triage).toEqual(shown.body.triage);
  expect((await get(`/alerts/${uuid}/comments`)).body).toEqual(comments.body);
  expect((await triage(uuid, { acknowledged: false })).status).toBe(200);
  expect((await get(`/alerts?store=${store}&triage=open`)).body.data).toEqual([]);
  expect((await triage(uuid, { acknowledged: true })).body.type).toBe('/problems/alert-archived');
});

it('uses the name that the audit log has if there are no keys', async () => {
  const open = await startTestApi({ auth: 'off' });
  try {
    const alert = newAlert();
    await open.post(alert);
    expect((await send(open, 'POST', `/alerts/${alert.uuid}/comments`, { text: 'x' })).body.author).toBe('AUTH=off');
  } finally {
    await open.close();
  }
});
