import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { claim, recordFailure, recordResolution, release, retryFailed } from '#prisma/alerts.ts';
import { type EventReader, openEvents } from './event-reader.ts';
import { json, newAlert, POLL, startTestApi, type TestApi } from './test-api.ts';

let api: TestApi;
let replica: TestApi;
const readers: EventReader[] = [];
beforeAll(async () => {
  api = await startTestApi();
  replica = await startTestApi({ databaseUrl: api.databaseUrl, queueUrl: api.databaseUrl });
});
afterEach(() => {
  for (const reader of readers.splice(0)) reader.close();
});
afterAll(async () => {
  await replica.close();
  await api.close();
});

async function open(query = '', headers: Record<string, string> = {}, target = api): Promise<EventReader> {
  const reader = await openEvents(`${target.url}/alerts/events${query}`, headers);
  readers.push(reader);
  await expect.poll(() => reader.lastId(), POLL).toBeTruthy();
  return reader;
}

async function postAlert(changes: Record<string, unknown> = {}, target = api): Promise<string> {
  const alert = newAlert(changes);
  expect((await target.post(alert)).status).toBe(202);
  return alert.uuid;
}

/** Returns whether a stream that opens now starts after all changes: a transaction of another database can hold it back. */
async function everyChangeIsPast(): Promise<boolean> {
  const [row] = await api.db.$queryRaw<[{ past: boolean }]>`
    SELECT bool_and(change_xid < pg_snapshot_xmin(pg_current_snapshot())) AS past FROM alerts`;
  return row.past;
}

const setStatus = (uuid: string, status: string) =>
  api.db.$executeRawUnsafe(
    `UPDATE alerts SET status = '${status}', change_xid = pg_current_xact_id() WHERE uuid = $1::uuid`,
    uuid,
  );

describe('a stream of events', () => {
  it('sends each change with id, event name and the alert as GET returns it', async () => {
    const reader = await open();
    expect(reader.response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    expect(reader.response.headers.get('cache-control')).toBe('no-store');
    expect(reader.response.headers.get('x-accel-buffering')).toBe('no');
    expect(reader.text()).toMatch(/^retry: 3000\n/);
    const uuid = await postAlert();
    const event = await reader.next();
    expect(event).toEqual({
      id: expect.stringMatching(/^\d+\.\d+$/),
      event: 'alert.pending',
      data: await json(await fetch(`${api.url}/alerts/${uuid}`)),
    });
    for (const status of ['processing', 'processed']) {
      await setStatus(uuid, status);
      expect(await reader.next()).toMatchObject({ event: `alert.${status}`, data: { uuid, status } });
    }
  });

  it('sends every status change of the pipeline in order', async () => {
    const reader = await open();
    const uuid = await postAlert();
    const failure = { code: 'video_timeout', detail: 'slow' } as const;
    const resolution = {
      resolution: '2x1',
      width: 2,
      height: 1,
      rotation: 0,
      codec: 'h264',
      container: 'mp4',
      duration: 1,
    };
    const steps: [status: string, step: () => Promise<unknown>][] = [
      ['pending', async () => {}],
      ['processing', () => claim(api.db, uuid)],
      ['pending', () => release(api.db, { uuid, claim: 1 }, 0, { refund: false })],
      ['processing', () => claim(api.db, uuid)],
      ['failed', () => recordFailure(api.db, { uuid, claim: 2 }, failure, 0)],
      ['pending', () => retryFailed(api.db, [uuid])],
      ['processing', () => claim(api.db, uuid)],
      ['processed', () => recordResolution(api.db, { uuid, claim: 3 }, resolution, 0)],
    ];
    for (const [status, step] of steps) {
      await step();
      const event = await reader.next();
      expect([event.event, event.data.status, event.data.uuid]).toEqual([`alert.${status}`, status, uuid]);
      expect(event.data).toEqual(await json(await fetch(`${api.url}/alerts/${uuid}`)));
    }
  });

  it('starts with the next change', async () => {
    await postAlert();
    await expect.poll(everyChangeIsPast, POLL).toBe(true);
    const reader = await open();
    const uuid = await postAlert();
    expect((await reader.next()).data.uuid).toBe(uuid);
  });

  it('continues after Last-Event-ID on another replica, without gaps and repetitions', async () => {
    const first = await open();
    const uuids = [await postAlert(), await postAlert(), await postAlert(), await postAlert()];
    expect((await first.next()).data.uuid).toBe(uuids[0]);
    const { id } = await first.next();
    first.close();
    const byHeader = await open('', { 'last-event-id': id }, replica);
    const byQuery = await open(`?last_event_id=${id}`);
    for (const reader of [byHeader, byQuery]) {
      expect([(await reader.next()).data.uuid, (await reader.next()).data.uuid]).toEqual(uuids.slice(2));
    }
    const after = await postAlert({}, replica);
    for (const reader of [byHeader, byQuery]) expect((await reader.next()).data.uuid).toBe(after);
  });

  it('sends an id even without events, so that a reconnecting client misses nothing', async () => {
    const silent = await open();
    silent.close();
    const uuid = await postAlert();
    const again = await open('', { 'last-event-id': silent.lastId() });
    expect((await again.next()).data.uuid).toBe(uuid);
  });

  it('replays 1,200 changes in pages, in order, while new ones arrive', async () => {
    const from = (await open()).lastId();
    const store = 'long-past';
    await api.db.$executeRaw`INSERT INTO alerts (uuid, video, store, timestamp, request_id)
      SELECT gen_random_uuid(), '/v/a.mp4', ${store}, 1, 'r' FROM generate_series(1, 1200)`;
    const reader = await open(`?store=${store}`, { 'last-event-id': from });
    const last = await postAlert({ store });
    const seen = new Map<string, string>();
    let id = '';
    while (!seen.has(last)) {
      const event = await reader.next();
      expect(seen.has(event.data.uuid)).toBe(false);
      seen.set(event.data.uuid, event.id);
      id = event.id;
    }
    expect(seen.size).toBe(1_201);
    expect(reader.lastId()).toBe(id);
  });

  it('filters by store and by status', async () => {
    const byStore = await open('?store=caf%C3%A9');
    const byStatus = await open('?status=failed');
    const uuid = await postAlert();
    const own = await postAlert({ store: 'café' });
    await setStatus(uuid, 'failed');
    expect((await byStore.next()).data.uuid).toBe(own);
    expect((await byStatus.next()).data.uuid).toBe(uuid);
    // By now the other reader has received the failed alert.
    const next = await postAlert({ store: 'café' });
    expect((await byStore.next()).data.uuid).toBe(next);
  });

  it('sends a reset if the id is after the end of this database', async () => {
    const reader = await open('', { 'last-event-id': '99999999999.1' });
    expect(await reader.next()).toMatchObject({ event: 'reset', data: {} });
    const uuid = await postAlert();
    expect((await reader.next()).data.uuid).toBe(uuid);
  });

  it.each(['x', '1', '1.', '.1', '-1.2', '1.2.3', '99999999999999999999.1', '1.9999999999999999999', '1.1;--'])(
    'rejects the id %j with 400',
    async (id) => {
      for (const response of [
        await fetch(`${api.url}/alerts/events`, { headers: { 'last-event-id': id } }),
        await fetch(`${api.url}/alerts/events?last_event_id=${encodeURIComponent(id)}`),
      ]) {
        expect([response.status, (await json(response)).type]).toEqual([400, '/problems/bad-event-id']);
      }
    },
  );

  it.each([
    ['status=done', '#/status'],
    ['store=', '#/store'],
    ['colour=red', '#/colour'],
    ['store=a&store=b', '#/store'],
  ])('rejects ?%s and names %s', async (query, pointer) => {
    const response = await fetch(`${api.url}/alerts/events?${query}`);
    expect(response.status).toBe(422);
    expect((await json(response)).errors).toMatchObject([{ pointer }]);
  });

  it('responds to HEAD, OPTIONS and other methods', async () => {
    const url = `${api.url}/alerts/events`;
    const head = await fetch(url, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
    const options = await fetch(url, { method: 'OPTIONS' });
    expect([options.status, options.headers.get('allow')]).toEqual([204, 'HEAD, GET']);
    expect((await fetch(url, { method: 'POST' })).status).toBe(405);
  });

  it('logs no warning when its client disconnects', async () => {
    const reader = await open('', { 'x-request-id': 'reader-1' });
    reader.close();
    const line = () => api.logged.find((l) => l.requestId === 'reader-1' && l.path);
    await expect.poll(line, POLL).toMatchObject({ msg: 'response sent', level: 30 });
  });
});
