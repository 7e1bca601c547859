import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { freePort } from '#test/harness/ports.ts';
import type { Service } from '#test/harness/service.ts';
import { createStack, type Stack } from '#test/harness/stack.ts';
import { createAutoscaler, readTriggers, spec } from './scaler.ts';

const POLL = { timeout: 300_000, interval: 200 };
const MINUTE_TICKS = 60 / spec.pollingInterval;

let stack: Stack;
let client: pg.Client;
const workers: Service[] = [];
const history: number[] = [];

const scale = createAutoscaler({ ...spec, minReplicaCount: 0 });
let ticks = 0;

beforeAll(async () => {
  if (inject('redisUrl') === null) return;
  // The paused video server holds every attempt. Ten workers open 320 connections: above 511, the system rejects some.
  const env = { FETCH_TIMEOUT_MS: '600000', WORKER_CONCURRENCY: '32' };
  stack = await createStack({ backend: 'redis', workers: 0, env });
  await stack.start();
  client = new pg.Client(stack.databaseUrl);
  await client.connect();
});

afterAll(async () => {
  await client?.end();
  await stack?.close();
});

/** What KEDA and the HPA do every `pollingInterval`; here it takes no time. Returns the number of workers. */
async function tick(): Promise<number> {
  const wanted = scale(ticks * spec.pollingInterval, await readTriggers(client));
  ticks += 1;
  history.push(wanted);
  while (workers.length < wanted) {
    const worker = stack.addService(`worker-${ticks}-${workers.length}`, 'worker/index.ts', {
      OPS_PORT: `${await freePort()}`,
    });
    await worker.start();
    workers.push(worker);
  }
  for (const worker of workers.splice(0, workers.length - wanted)) await worker.stop();
  return wanted;
}

async function tickUntil(count: number): Promise<void> {
  const before = ticks;
  while ((await tick()) !== count) expect(ticks - before).toBeLessThan(40 * MINUTE_TICKS);
}

async function post(count: number): Promise<void> {
  for (let left = count; left > 0; left -= 500) {
    const alerts = Array.from({ length: Math.min(left, 500) }, (_, index) => ({
      ...{ uuid: crypto.randomUUID(), video: '/videos/test_2.mp4', store: `store-${index % 7}`, timestamp: 1 },
    }));
    const body = JSON.stringify({ alerts });
    const headers = { 'content-type': 'application/json' };
    const response = await stack.request('/alerts/batch', { method: 'POST', headers, body });
    expect(response.ok, await response.text()).toBe(true);
  }
}

async function countOf(condition: string): Promise<number> {
  const { rows } = await client.query(`SELECT count(*)::int AS count FROM alerts WHERE ${condition}`);
  return rows[0].count;
}

const unfinished = () => countOf('notified_at IS NULL');

describe.skipIf(inject('redisUrl') === null)('workers that are scaled by their manifest', () => {
  it('go from 0 to 10 and back to 0, and use up no attempt', { timeout: 1_500_000 }, async () => {
    expect([await tick(), await tick()]).toEqual([0, 0]);
    stack.videoServer?.pause();
    await post(4_800);
    await tickUntil(10);
    expect(history).toEqual([0, 0, 1, 5, 10]);
    await expect.poll(() => countOf("status = 'processing'"), POLL).toBeGreaterThan(200);
    stack.videoServer?.resume();
    await expect.poll(unfinished, POLL).toBe(0);

    // Nine workers are removed while attempts are in progress.
    stack.videoServer?.pause();
    for (const count of [4, 8, 12, 16, 20]) {
      await post(4);
      await expect.poll(() => countOf("status = 'processing'"), POLL).toBe(count);
    }
    while (workers.length > 1) {
      await tick();
      // The last worker has place for all of them: nothing waits.
      await expect.poll(() => countOf("status = 'processing'"), POLL).toBe(20);
    }
    expect(await countOf('claims > attempts')).toBeGreaterThan(0);
    stack.videoServer?.resume();
    await expect.poll(unfinished, POLL).toBe(0);
    await tickUntil(0);

    await post(1);
    expect(await tick()).toBe(1);
    await expect.poll(unfinished, POLL).toBe(0);
    expect(await countOf("status = 'processed' AND attempts = 1 AND crashes = 0")).toBe(4_821);
    expect(await countOf('true')).toBe(4_821);
  });
});
