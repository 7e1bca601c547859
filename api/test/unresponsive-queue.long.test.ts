import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { startRedisServer } from '#test/harness/redis.ts';
import { json, newAlert, startTestApi, type TestApi } from './test-api.ts';

// A queue that accepts connections and never responds. A command times out after 3 s; then the circuit breaker opens.

const COMMAND_TIMEOUT_MS = 3_000;
const TEST_TIMEOUT_MS = 120_000;

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

/** Posts an alert and returns what happened to its job. */
async function post(api: TestApi): Promise<string> {
  const response = await api.post(newAlert());
  expect(response.status).toBe(202);
  return (await json(response)).dispatch;
}

/** Sends 12 requests. If each of them waited for the queue, they would take longer than 12 timeouts. */
async function expectNoWaiting(api: TestApi): Promise<void> {
  const startedAt = performance.now();
  for (let n = 0; n < 10; n += 1) expect(await post(api)).toBe('deferred');
  const ready = await fetch(`${api.url}/readyz`);
  expect([ready.status, await json(ready)]).toMatchObject([
    200,
    { status: 'degraded', checks: { queue: expect.stringContaining('queue') } },
  ]);
  const metrics = await fetch(`${api.url}/metrics`);
  expect(await metrics.text()).not.toContain('alerts_queue_jobs{');
  expect(performance.now() - startedAt).toBeLessThan(12 * COMMAND_TIMEOUT_MS);
}

describe('a queue that never responds', () => {
  it.each(['redis', 'postgres'])(
    'delays the first alert only (%s)',
    async (scheme) => {
      const port = await startSilentServer();
      const api = await openApi(`${scheme}://127.0.0.1:${port}/x`);
      expect(await post(api)).toBe('deferred');
      await expectNoWaiting(api);
      expect(await api.db.alert.count({ where: { status: 'pending' } })).toBe(11);
    },
    TEST_TIMEOUT_MS,
  );
});

describe.skipIf(inject('redisUrl') === null)('a Redis that is paused while it is used', () => {
  it(
    'delays one alert, and accepts jobs again after it resumes',
    async () => {
      const redis = await startRedisServer();
      onTestFinished(redis.stop);
      const api = await openApi(redis.url);
      expect(await post(api)).toBe('queued');
      process.kill(redis.pid, 'SIGSTOP');
      onTestFinished(() => void process.kill(redis.pid, 'SIGCONT'));
      expect(await post(api)).toBe('deferred');
      await expectNoWaiting(api);
      process.kill(redis.pid, 'SIGCONT');
      await expect.poll(() => post(api), { timeout: 300_000, interval: 200 }).toBe('queued');
      expect(await json(await fetch(`${api.url}/readyz`))).toMatchObject({ status: 'ready' });
    },
    TEST_TIMEOUT_MS,
  );
});
