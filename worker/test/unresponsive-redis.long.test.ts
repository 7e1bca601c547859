import { expect, inject, it } from 'vitest';
import { openDatabase } from '#prisma/client.ts';
import { startRedisServer } from '#test/harness/redis.ts';
import { createStack, type Stack } from '#test/harness/stack.ts';

const ALERTS = 40;
/** The api waits this long for the queue, once; then its circuit breaker is open. */
const QUEUE_TIMEOUT_MS = 3_000;
const PATIENTLY = { timeout: 120_000, interval: 500 };

async function post({ request }: Stack): Promise<unknown> {
  const alert = { uuid: crypto.randomUUID(), store: 'store', video: '/videos/test_2.mp4', timestamp: 1 };
  const headers = { 'content-type': 'application/json' };
  const response = await request('/alerts', { method: 'POST', headers, body: JSON.stringify(alert) });
  expect(response.status).toBe(202);
  return Object(await response.json()).dispatch;
}

it.skipIf(inject('redisCommand') === null)(
  'a stack that starts with an unresponsive Redis accepts alerts, and processes all of them once Redis responds',
  { timeout: 400_000 },
  async ({ onTestFinished }) => {
    const redis = await startRedisServer();
    onTestFinished(redis.stop);
    const stack = await createStack({ backend: 'redis', redis });
    onTestFinished(stack.close);
    const db = openDatabase(stack.databaseUrl, { poolSize: 1, onError: () => {} });
    onTestFinished(() => db.$disconnect());
    redis.service.pause();
    onTestFinished(redis.service.resume);
    await stack.start();

    const started = performance.now();
    for (let index = 0; index < ALERTS; index += 1) expect(await post(stack)).toBe('deferred');
    // Half of what it takes if every request waits for the queue: far more than the machine needs for 40 requests.
    expect(performance.now() - started).toBeLessThan((ALERTS * QUEUE_TIMEOUT_MS) / 2);

    redis.service.resume();
    await expect.poll(() => db.alert.count({ where: { notifiedAt: { not: null } } }), PATIENTLY).toBe(ALERTS);
    expect(await db.alert.count()).toBe(ALERTS);
    await expect.poll(() => post(stack), PATIENTLY).toBe('queued');
  },
);
