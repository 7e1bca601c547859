import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ANONYMOUS, type Client } from '../auth/client.ts';
import { json, newAlert, startTestApi, type TestApi } from './test-api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

const send = (body: unknown, at = api) =>
  fetch(`${at.url}/alerts/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-request-id': 'batch-1' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

describe('POST /alerts/batch', () => {
  it('judges each alert by itself, in their order', async () => {
    const known = newAlert();
    await api.post(known);
    const [first, second] = [newAlert(), newAlert()];
    const answer = await send({
      alerts: [first, known, { ...known, store: 'other' }, newAlert({ video: 'x.mp4', shop: 1 }), 'nonsense', second],
    });
    expect(answer.status).toBe(200);
    const { results } = await json(answer);
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
      { index: 3, status: 422, problem: expect.objectContaining({ type: '/problems/validation', status: 422 }) },
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

  it('takes the first of several with one uuid', async () => {
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

  it('has five hundred stored and waiting when it answers', async () => {
    const store = randomUUID();
    const before = (await api.queue.bull().getJobCounts()).waiting ?? 0;
    const alerts = Array.from({ length: 500 }, () => newAlert({ store }));
    const { results } = await json(await send({ alerts }));
    expect(results.map(({ uuid }: { uuid: string }) => uuid)).toEqual(alerts.map(({ uuid }) => uuid));
    expect(new Set(results.map(({ status }: { status: number }) => status))).toEqual(new Set([202]));
    expect(await api.db.alert.count({ where: { store } })).toBe(500);
    expect((await api.queue.bull().getJobCounts()).waiting).toBe(before + 500);
  });

  it.each([
    ['no alerts', {}, '#/alerts', 'invalid_type'],
    ['an empty list', { alerts: [] }, '#/alerts', 'too_small'],
    ['501 alerts', { alerts: Array(501).fill(1) }, '#/alerts', 'too_big'],
    ['a field we do not know', { alerts: [1], dry_run: true }, '#/dry_run', 'unrecognized_keys'],
    ['a bare list', [1], '#', 'invalid_type'],
  ])('%s: 422 for the whole', async (_what, body, pointer, code) => {
    const answer = await send(body);
    expect(answer.status).toBe(422);
    expect((await json(answer)).errors).toMatchObject([{ pointer, code }]);
  });

  it('reads up to 512 KiB', async () => {
    const body = JSON.stringify({ alerts: [newAlert()] });
    expect((await send(body.padEnd(512 * 1024))).status).toBe(200);
    const refused = await send(body.padEnd(512 * 1024 + 1));
    expect([refused.status, (await json(refused)).detail]).toEqual([413, 'The body is larger than 512 KiB.']);
  });

  it('answers other methods', async () => {
    const options = await fetch(`${api.url}/alerts/batch`, { method: 'OPTIONS' });
    expect([options.status, options.headers.get('allow')]).toEqual([204, 'POST']);
    for (const method of ['GET', 'DELETE']) {
      expect((await fetch(`${api.url}/alerts/batch`, { method })).status).toBe(405);
    }
  });

  it('takes a key’s own stores alone', async () => {
    let caller: Client = ANONYMOUS;
    const own = await startTestApi({ auth: { clientOf: async () => caller } });
    expect((await send({ alerts: [newAlert()] }, own)).status).toBe(401);
    caller = { id: 'k', name: 'k', scopes: new Set(['write']), stores: ['harbour'] };
    const [mine, other] = [newAlert({ store: 'harbour' }), newAlert({ store: 'station' })];
    const { results } = await json(await send({ alerts: [mine, other] }, own));
    expect(results).toMatchObject([{ status: 202 }, { status: 403, problem: { type: '/problems/forbidden' } }]);
    expect(await own.db.alert.count({ where: { uuid: other.uuid } })).toBe(0);
    await own.close();
  });

  it('without the database is 503 for the whole, without the queue deferred', async () => {
    const NOBODY = '127.0.0.1:9';
    const away = await startTestApi({ databaseUrl: `postgres://u@${NOBODY}/alerts` });
    const refused = await send({ alerts: [newAlert(), 'nonsense'] }, away);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5']);
    await away.close();
    const deferring = await startTestApi({ queueUrl: `redis://${NOBODY}` });
    const { results } = await json(await send({ alerts: [newAlert()] }, deferring));
    expect(results).toMatchObject([{ status: 202, dispatch: 'deferred' }]);
    await deferring.close();
  });
});
