import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { startRedisServer } from '#test/harness/redis.ts';
import { json, newAlert, startTestApi, type TestApi } from './test-api.ts';

// A queue that takes connections and says nothing, where others would refuse: each question to it runs into its 3 s.

/** Two such limits. */
const FIRST_MS = 6_000;
/** Less than one: who is answered sooner has not waited for the queue. */
const NEXT_MS = 2_500;

async function startSilentServer(): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}).on('close', () => sockets.delete(socket)));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port; // listening on TCP
}

async function openApi(queueUrl: string): Promise<TestApi> {
  const api = await startTestApi({ queueUrl });
  onTestFinished(() => api.close());
  return api;
}

async function timed<T>(what: () => Promise<T>): Promise<[T, number]> {
  const began = performance.now();
  return [await what(), performance.now() - began];
}

/** Whether its job is sent, and the milliseconds until the answer. */
async function send(api: TestApi): Promise<[string, number]> {
  const [answer, tookMs] = await timed(() => api.post(newAlert()));
  expect(answer.status).toBe(202);
  return [(await json(answer)).dispatch, tookMs];
}

async function expectNobodyWaits(api: TestApi): Promise<void> {
  for (let n = 0; n < 5; n += 1) {
    const [dispatch, tookMs] = await send(api);
    expect(dispatch).toBe('deferred');
    expect(tookMs).toBeLessThan(NEXT_MS);
  }
  const [ready, readyMs] = await timed(() => fetch(`${api.url}/readyz`));
  expect([ready.status, await json(ready)]).toMatchObject([
    200,
    { status: 'degraded', checks: { queue: 'the queue does not answer' } },
  ]);
  expect(readyMs).toBeLessThan(NEXT_MS);
  const [told, toldMs] = await timed(() => fetch(`${api.url}/metrics`));
  expect(await told.text()).not.toContain('alerts_queue_jobs{');
  expect(toldMs).toBeLessThan(NEXT_MS);
}

describe('a queue that was silent from the start', () => {
  it.each(['redis', 'postgres'])('(%s) costs the first alert one limit and the next ones nothing', async (scheme) => {
    const port = await startSilentServer();
    const api = await openApi(`${scheme}://127.0.0.1:${port}/x`);
    const [dispatch, tookMs] = await send(api);
    expect(dispatch).toBe('deferred');
    expect(tookMs).toBeLessThan(FIRST_MS);
    await expectNobodyWaits(api);
    expect(await api.db.alert.count({ where: { status: 'pending' } })).toBe(6);
  });
});

describe.skipIf(inject('redisUrl') === null)('a Redis that is stopped in mid-run', () => {
  it('costs one limit, and takes jobs again soon after it goes on', async () => {
    const redis = await startRedisServer();
    onTestFinished(redis.stop);
    const api = await openApi(redis.url);
    expect(await send(api)).toEqual(['queued', expect.any(Number)]);
    process.kill(redis.pid, 'SIGSTOP');
    onTestFinished(() => void process.kill(redis.pid, 'SIGCONT'));
    const [dispatch, tookMs] = await send(api);
    expect(dispatch).toBe('deferred');
    expect(tookMs).toBeLessThan(FIRST_MS);
    await expectNobodyWaits(api);
    process.kill(redis.pid, 'SIGCONT');
    await expect.poll(async () => (await send(api))[0], { timeout: 15_000, interval: 200 }).toBe('queued');
    const ready = await fetch(`${api.url}/readyz`);
    expect(await json(ready)).toMatchObject({ status: 'ready' });
  });
});
