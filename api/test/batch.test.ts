import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ANONYMOUS, type Client } from '../auth/client.ts';
import { json, newAlert, startTestApi, type TestApi } from './test-api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

const send = (body: unknown, target = api) =>
  fetch(`${target.url}/alerts/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-request-id': 'batch-1' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

describe('POST /alerts/batch', () => {
  it('accepts or rejects each alert independently, in order', async () => {
    const known = newAlert();
    await api.post(known);
    const [first, second] = [newAlert(), newAlert()];
    const invalid = newAlert({ video: 'x.mp4', shop: 1 });
    const response = await send({
      alerts: [first, known, { ...known, store: 'other' }, invalid, 'nonsense', second],
    });
    expect(response.status).toBe(200);
    const { results } = await json(response);
    expect(results).toEqual([
      { index: 0, uuid: first.uuid, status: 202, dispatch: 'queued' },
      { index: 1, uuid: known.uuid, status: 200, state: 'pending' },
      {
        index: 2,
        uuid: known.uuid,
        status: 409,
        problem: {
          type: '/problems/alert-conflict',
          title: expect.any(String),
          status: 409,
          detail: expect.any(String),
          fields: ['store'],
          existing: `/alerts/${known.uuid}`,
        },
      },
      {
        index: 3,
        uuid: invalid.uuid,
        status: 422,
        problem: expect.objectContaining({ type: '/problems/validation', status: 422 }),
      },
      {
        index: 4,
        status: 422,
        problem: expect.objectContaining({ errors: [expect.objectContaining({ pointer: '#' })] }),
      },
      { index: 5, uuid: second.uuid, status: 202, dispatch: 'queued' },
    ]);
    const pointers = results[3].problem.errors.map(({ pointer }: { pointer: string }) => pointer);
    expect(pointers.sort()).toEqual(['#/shop', '#/video']);
  });

  it('returns 422 with every result if no alert is accepted', async () => {
    const [invalid, bad] = [newAlert({ store: '' }), newAlert({ uuid: 'x' })];
    const response = await send({ alerts: [invalid, bad, null] });
    expect([response.status, response.headers.get('content-type')]).toEqual([
      422,
      'application/problem+json; charset=utf-8',
    ]);
    const { type, results } = await json(response);
    expect(type).toBe('/problems/batch-rejected');
    expect(results.map(({ index, uuid, status }: Record<string, unknown>) => [index, uuid, status])).toEqual([
      [0, invalid.uuid, 422],
      [1, undefined, 422],
      [2, undefined, 422],
    ]);
    // A repeated alert is accepted.
    const known = newAlert();
    await api.post(known);
    expect((await send({ alerts: [bad, known] })).status).toBe(200);
  });

  it('returns 503 with every result if no alert is accepted and some can be later', async () => {
    const full = await startTestApi({ maxDepth: 1 });
    await full.post(newAlert());
    const alert = newAlert();
    const response = await send({ alerts: [alert, 'nonsense'] }, full);
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '10']);
    const { type, results } = await json(response);
    expect(type).toBe('/problems/queue-full');
    expect(results).toMatchObject([{ uuid: alert.uuid, status: 503 }, { status: 422 }]);
    await full.close();
  });

  it('stores the first of several alerts with the same uuid', async () => {
    const alert = newAlert();
    const { results } = await json(
      await send({ alerts: [alert, alert, { ...alert, timestamp: 2 }, { ...alert, uuid: alert.uuid.toUpperCase() }] }),
    );
    expect(results.map(({ status }: { status: number }) => status)).toEqual([202, 200, 409, 200]);
    expect(await api.db.alert.findUniqueOrThrow({ where: { uuid: alert.uuid } })).toMatchObject({
      timestamp: alert.timestamp,
      requestId: 'batch-1',
    });
  });

  it('has stored and queued 500 alerts when it responds', async () => {
    const store = randomUUID();
    const before = (await api.queue.state()).jobs.waiting;
    const alerts = Array.from({ length: 500 }, () => newAlert({ store }));
    const { results } = await json(await send({ alerts }));
    expect(results.map(({ uuid }: { uuid: string }) => uuid)).toEqual(alerts.map(({ uuid }) => uuid));
    expect(new Set(results.map(({ status }: { status: number }) => status))).toEqual(new Set([202]));
    expect(await api.db.alert.count({ where: { store } })).toBe(500);
    expect((await api.queue.state()).jobs.waiting).toBe(before + 500);
  });

  it.each([
    ['no alerts', {}, '#/alerts', 'invalid_type'],
    ['an empty list', { alerts: [] }, '#/alerts', 'too_small'],
    ['501 alerts', { alerts: Array(501).fill(1) }, '#/alerts', 'too_big'],
    ['an unknown field', { alerts: [1], dry_run: true }, '#/dry_run', 'unrecognized_keys'],
    ['a bare list', [1], '#', 'invalid_type'],
  ])('rejects a batch with %s with 422', async (_name, body, pointer, code) => {
    const response = await send(body);
    expect(response.status).toBe(422);
    expect((await json(response)).errors).toMatchObject([{ pointer, code }]);
  });

  it('reads up to 512 KiB', async () => {
    const body = JSON.stringify({ alerts: [newAlert()] });
    expect((await send(body.padEnd(512 * 1024))).status).toBe(200);
    const rejected = await send(body.padEnd(512 * 1024 + 1));
    expect([rejected.status, (await json(rejected)).detail]).toEqual([413, 'The body is larger than 512 KiB.']);
  });

  it('responds to other methods', async () => {
    const options = await fetch(`${api.url}/alerts/batch`, { method: 'OPTIONS' });
    expect([options.status, options.headers.get('allow')]).toEqual([204, 'POST']);
    for (const method of ['GET', 'DELETE']) {
      expect((await fetch(`${api.url}/alerts/batch`, { method })).status).toBe(405);
    }
  });

  it('accepts only the stores of the key', async () => {
    let client: Client = ANONYMOUS;
    const own = await startTestApi({ auth: { clientOf: async () => client } });
    expect((await send({ alerts: [newAlert()] }, own)).status).toBe(401);
    client = { id: 'k', name: 'k', scopes: new Set(['write']), stores: ['harbour'] };
    const [mine, other] = [newAlert({ store: 'harbour' }), newAlert({ store: 'station' })];
    const { results } = await json(await send({ alerts: [mine, other] }, own));
    expect(results).toMatchObject([{ status: 202 }, { status: 403, problem: { type: '/problems/forbidden' } }]);
    expect(await own.db.alert.count({ where: { uuid: other.uuid } })).toBe(0);
    await own.close();
  });

  it('returns 503 without the database, and defers jobs without the queue', async () => {
    const CLOSED_PORT = '127.0.0.1:9';
    const unavailable = await startTestApi({ databaseUrl: `postgres://u@${CLOSED_PORT}/alerts` });
    const rejected = await send({ alerts: [newAlert(), 'nonsense'] }, unavailable);
    expect([rejected.status, rejected.headers.get('retry-after')]).toEqual([503, '5']);
    await unavailable.close();
    const deferring = await startTestApi({ queueUrl: `redis://${CLOSED_PORT}` });
    const { results } = await json(await send({ alerts: [newAlert()] }, deferring));
    expect(results).toMatchObject([{ status: 202, dispatch: 'deferred' }]);
    await deferring.close();
  });
});
