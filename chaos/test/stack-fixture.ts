import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import type { Service } from '#test/harness/service.ts';
import { sampleAlert } from '../client.ts';
import { type History, newHistory } from '../history.ts';
import { readProgress } from '../observe.ts';
import { type ChaosStack, type Opened, openStack } from '../stack.ts';

export type RedisStack = { stack: ChaosStack; history: History; redisFolder: string };

/** Opens a stack with its queue on Redis, and closes it when the test ends. Only PostgreSQL and Redis run yet. */
export async function openRedisStack(): Promise<RedisStack> {
  const folder = await mkdtemp(join(tmpdir(), 'chaos-test-'));
  const opened: Opened = [{ close: () => rm(folder, { recursive: true, force: true }) }];
  onTestFinished(async () => {
    for (const each of opened) await each.close();
  }, 60_000);
  const history = newHistory();
  const stack = await openStack({ backend: 'redis', folder, logs: undefined, history }, opened);
  return { stack, history, redisFolder: join(folder, 'redis') };
}

export async function startServices({ fileServer, apis, workers }: ChaosStack): Promise<void> {
  await Promise.all([fileServer, ...apis, ...workers].map((service) => service.start()));
}

/** Pauses the services until `resume`, or until the test ends and before its stack is closed. */
export function pause(...services: (Service | undefined)[]): { resume(): void } {
  for (const service of services) service?.pause();
  const resume = () => {
    for (const service of services) service?.resume();
  };
  onTestFinished(resume);
  return { resume };
}

/** Sends sample alert number `index`, which must get 202. Returns the response time and the `dispatch` of the response. */
export async function sendAlert({ apiOrigins: [origin] }: ChaosStack, index: number) {
  const { uuid, store, video } = sampleAlert(index, true);
  const startedAt = performance.now();
  const response = await fetch(`${origin}/alerts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ uuid, store, video, timestamp: Math.floor(Date.now() / 1_000) }),
  });
  const body: unknown = await response.json();
  expect(response.status).toBe(202);
  return { responseMs: performance.now() - startedAt, dispatch: Object(body).dispatch };
}

/** Waits until exactly `count` alerts exist, all final and notified. The reconciler finds a lost job after about 20 s. */
export async function expectAllNotified({ database }: ChaosStack, count: number): Promise<void> {
  const limits = { timeout: 300_000, interval: 500 };
  await expect.poll(() => readProgress(database), limits).toMatchObject({ rows: count, final: count, notified: count });
}
