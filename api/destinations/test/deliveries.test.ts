import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newAlert, startTestApi, type TestApi } from '../../test/test-api.ts';
import { newDestination, pointersOf, send } from './destination-client.ts';

let api: TestApi;
let destination: string;
beforeAll(async () => {
  api = await startTestApi();
  destination = (await send(api, 'POST', '/destinations', newDestination({ name: 'first' }))).body.id;
});
afterAll(() => api.close());

type Row = Parameters<TestApi['db']['delivery']['create']>[0]['data'];

const START = Date.parse('2026-11-22T06:00:00.000Z');
let created = 0;

/** Adds a delivery that is a second newer than the one before. Returns its id. */
async function add(changes: Record<string, unknown> = {}): Promise<string> {
  created += 1;
  const createdAt = new Date(START + created * 1_000);
  const data = { destinationId: destination, event: 'alert.failed', store: 'a', snapshot: {}, createdAt, ...changes };
  return (await api.db.delivery.create({ data: data as Row })).id; // `changes` are columns
}

const idsOf = (body: { data: { id: string }[] }) => body.data.map(({ id }) => id);

describe('GET /deliveries', () => {
  it('lists deliveries, newest first, page by page', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 5; n += 1) ids.unshift(await add({ store: 'paged' }));
    const from = new Date(START + (created - 4) * 1_000).toISOString();
    const seen: string[] = [];
    let path = `/deliveries?limit=2&from=${from}`;
    for (let page = 0; page < 3; page += 1) {
      const { body, headers } = await send(api, 'GET', path);
      seen.push(...idsOf(body));
      const next = /^<(.+)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1];
      expect(next === undefined).toBe(body.next_cursor === null);
      if (next !== undefined) expect(next).toContain(`cursor=${body.next_cursor}`);
      path = next ?? '';
    }
    expect(seen).toEqual(ids);
    expect(path).toBe('');
  });

  it('shows the attempts, the response, and the alert’s uuid', async () => {
    const alert = newAlert({ store: 'shown' });
    await api.post(alert);
    const { id: alertId } = await api.db.alert.findUniqueOrThrow({ where: { uuid: alert.uuid } });
    const history = [{ at: '2026-11-22T06:00:00.000Z', status: 500, error: '<b>no</b>', ms: 12 }];
    const stored = history.map((attempt) => ({ ...attempt, at: '2026-11-22T06:00:00.000000+00:00' }));
    const id = await add({
      ...{ alertId, store: 'shown', status: 'failed', attempts: 10, responseStatus: 500, responseBody: '<script>' },
      ...{ lastError: '<b>no</b>', history: stored, failureCode: 'video_timeout' },
    });
    const { body } = await send(api, 'GET', `/deliveries/${id}`);
    expect(body).toMatchObject({
      ...{ id, alert: alert.uuid, store: 'shown', event: 'alert.failed', status: 'failed', attempts: 10 },
      ...{ destination: { id: destination, name: 'first', kind: 'webhook' }, error: '<b>no</b>', history },
      ...{ response: { status: 500, body: '<script>' }, next_attempt_at: null, delivered_at: null },
      ...{ message: null, mute: null, links: { self: `/deliveries/${id}` } },
    });
    expect(idsOf((await send(api, 'GET', `/deliveries?alert=${alert.uuid}`)).body)).toEqual([id]);
    expect(idsOf((await send(api, 'GET', `/deliveries?alert=${randomUUID()}`)).body)).toEqual([]);
  });

  it('filters by destination, status and time', async () => {
    const other = (await send(api, 'POST', '/destinations', newDestination())).body.id;
    const { id: muteId } = await api.db.mute.create({
      data: { store: 'a', reason: 'r', createdBy: 'x', endsAt: new Date(Date.now() - 1_000) },
    });
    const [pending, muted] = [
      await add({ destinationId: other }),
      await add({ destinationId: other, status: 'muted', muteId }),
    ];
    const list = async (query: string) =>
      idsOf((await send(api, 'GET', `/deliveries?destination=${other}&${query}`)).body);
    expect(await list('')).toEqual([muted, pending]);
    expect(await list('status=muted')).toEqual([muted]);
    expect(await list(`to=${new Date(START + created * 1_000).toISOString()}`)).toEqual([pending]);
  });

  it('rejects invalid queries and cursors', async () => {
    expect(pointersOf(await send(api, 'GET', '/deliveries?status=sent&limit=0&destination=x&more=1'))).toEqual([
      ...['#/destination', '#/status', '#/limit', '#/more'],
    ]);
    for (const cursor of ['x', Buffer.from('1.2').toString('base64url')]) {
      expect((await send(api, 'GET', `/deliveries?cursor=${cursor}`)).body.type).toBe('/problems/bad-cursor');
    }
    expect((await send(api, 'GET', `/deliveries/${randomUUID()}`)).status).toBe(404);
    expect(pointersOf(await send(api, 'GET', '/deliveries/x'))).toEqual(['#/id']);
  });
});

describe('POST /deliveries/:id/retry', () => {
  it('makes a failed delivery due again, with a new round of attempts', async () => {
    const id = await add({ status: 'failed', attempts: 10 });
    const { status, headers, body } = await send(api, 'POST', `/deliveries/${id}/retry`);
    expect(status).toBe(202);
    expect(headers.get('location')).toBe(`/deliveries/${id}`);
    expect(body).toMatchObject({ id, status: 'pending', next_attempt_at: expect.any(String) });
    const again = await send(api, 'POST', `/deliveries/${id}/retry`);
    expect(again).toMatchObject({
      status: 409,
      body: { type: '/problems/delivery-not-failed', status_now: 'pending' },
    });
    const row = await api.db.delivery.findUniqueOrThrow({ where: { id } });
    expect(row.attemptsBefore).toBe(10);
  });

  it.each(['delivered', 'muted', 'pending'])('rejects one that is %s', async (status) => {
    const { body } = await send(api, 'POST', `/deliveries/${await add({ status })}/retry`);
    expect(body).toMatchObject({ status: 409, status_now: status });
  });

  it('returns 404 for an unknown id', async () => {
    expect((await send(api, 'POST', `/deliveries/${randomUUID()}/retry`)).status).toBe(404);
  });
});

describe('POST /deliveries/retry', () => {
  it('reports what it would retry, then retries the oldest at the given rate', async () => {
    const other = (await send(api, 'POST', '/destinations', newDestination())).body.id;
    const failed = { destinationId: other, status: 'failed', failureCode: 'video_timeout', store: 'bulk' };
    const ids = [await add(failed), await add(failed), await add(failed)];
    await add({ ...failed, failureCode: 'video_unreadable' });
    await add({ ...failed, status: 'delivered' });
    const filter = { destination: other, failure_code: 'video_timeout', store: 'bulk', max: 2 };
    expect(await send(api, 'POST', '/deliveries/retry', filter)).toMatchObject({
      ...{ status: 200, body: { dry_run: true, matched: 3, selected: 2, retried: 0 } },
    });
    expect(await api.db.delivery.count({ where: { destinationId: other, status: 'pending' } })).toBe(0);
    const body = { ...filter, rate_per_s: 10, dry_run: false };
    expect(await send(api, 'POST', '/deliveries/retry', body)).toMatchObject({
      ...{ status: 202, body: { dry_run: false, matched: 3, selected: 2, retried: 2 } },
    });
    const where = { destinationId: other, status: 'pending' } as const;
    const rows = await api.db.delivery.findMany({ where, orderBy: { createdAt: 'asc' } });
    expect(rows.map(({ id }) => id)).toEqual(ids.slice(0, 2));
    expect((rows[1]?.nextAttemptAt.getTime() ?? 0) - (rows[0]?.nextAttemptAt.getTime() ?? 0)).toBe(100);
  });

  it('names invalid fields', async () => {
    const body = { destination: 'x', max: 0, rate_per_s: 0, dry_run: 1, from: 'now', status: 'failed' };
    expect(pointersOf(await send(api, 'POST', '/deliveries/retry', body))).toEqual([
      ...['#/destination', '#/from', '#/max', '#/rate_per_s', '#/dry_run', '#/status'],
    ]);
  });
});

describe('mutes', () => {
  it('are created with a duration or a time, listed, and ended', async () => {
    const twoHours = await send(api, 'POST', '/mutes', { store: 'a', duration: '2h', reason: 'works' });
    expect(twoHours).toMatchObject({
      ...{ status: 201, body: { store: 'a', failure_code: null, destination: null, reason: 'works', muted: 0 } },
    });
    expect(Date.parse(twoHours.body.ends_at) - Date.now()).toBeGreaterThan(7_190_000);
    const ends_at = new Date(Date.now() + 60_000).toISOString();
    const body = { failure_code: 'video_timeout', destination, ends_at, reason: 'network' };
    const oneMinute = await send(api, 'POST', '/mutes', body);
    expect(oneMinute.body).toMatchObject({ ...body, store: null, created_by: 'AUTH=off' });
    await add({ status: 'muted', muteId: oneMinute.body.id });
    const listed = (await send(api, 'GET', '/mutes')).body.data;
    expect(listed).toMatchObject([
      { id: oneMinute.body.id, muted: 1 },
      { id: twoHours.body.id, muted: 0 },
    ]);
    expect((await send(api, 'DELETE', `/mutes/${oneMinute.body.id}`)).status).toBe(204);
    expect((await send(api, 'DELETE', `/mutes/${oneMinute.body.id}`)).status).toBe(404);
    expect(idsOf((await send(api, 'GET', '/mutes')).body)).toEqual([twoHours.body.id]);
  });

  it.each([
    [{ reason: 'r', duration: '1h' }, ['#/store']],
    [{ reason: 'r', store: 'a' }, ['#/ends_at']],
    [{ reason: 'r', store: 'a', duration: '1h', ends_at: '2999-01-01T00:00:00Z' }, ['#/ends_at']],
    [{ reason: 'r', store: 'a', ends_at: '2020-01-01T00:00:00Z' }, ['#/ends_at']],
    [{ reason: 'r', store: 'a', duration: '9999d' }, ['#/duration']],
    [
      { reason: '', store: 'a', duration: 'soon', failure_code: 'x', other: 1 },
      ['#/failure_code', '#/duration', '#/reason', '#/other'],
    ],
    [
      { reason: 'r', store: 'a', duration: '1h', destination: '0198f1c2-7a3b-7c4d-8e5f-0123456789ab' },
      ['#/destination'],
    ],
  ])('are not created from %j', async (body, pointers) => {
    const rejected = await send(api, 'POST', '/mutes', body);
    expect(rejected.status).toBe(422);
    expect(pointersOf(rejected)).toEqual(pointers);
  });
});
