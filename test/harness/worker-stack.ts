import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { sampleAlert } from '#chaos/client.ts';
import { type History, newHistory } from '#chaos/history.ts';
import { readProgress } from '#chaos/observe.ts';
import { openStack, type Stack } from '#chaos/stack.ts';
import type { Service } from './service.ts';

export type WorkerStack = { house: Stack; ledger: History; redisFolder: string };

/** The chaos run's house on Redis, closed when the test ends. Only PostgreSQL and Redis run yet. */
export async function openWorkerStack(): Promise<WorkerStack> {
  const folder = await mkdtemp(join(tmpdir(), 'own-house-'));
  const opened: { close(): Promise<void> }[] = [{ close: () => rm(folder, { recursive: true, force: true }) }];
  onTestFinished(async () => {
    for (const part of opened) await part.close();
  }, 60_000);
  const ledger = newHistory();
  const options = { backend: 'redis', folder, logs: undefined, ledger } as const;
  return { house: await openStack(options, opened), ledger, redisFolder: join(folder, 'redis') };
}

export async function startStack({ window, apis, workers }: Stack): Promise<void> {
  const signal = AbortSignal.timeout(60_000);
  await Promise.all([window, ...apis, ...workers].map((part) => part.start(signal)));
}

/** Freezes the parts; they go on when told to, or when the test ends, before its house is closed. */
export function freeze(...parts: (Service | undefined)[]): { thaw(): void } {
  const send = (signal: NodeJS.Signals) => {
    for (const part of parts) {
      const pid = part?.pid();
      if (pid !== undefined) process.kill(pid, signal);
    }
  };
  send('SIGSTOP');
  const thaw = () => send('SIGCONT');
  onTestFinished(thaw);
  return { thaw };
}

/** Sends the sample alert of this number. Milliseconds until the answer, which must be 202, and what became of its job. */
export async function send({ doors: [door] }: Stack, index: number): Promise<{ tookMs: number; dispatch: unknown }> {
  const { uuid, store, video } = sampleAlert(index, true);
  const began = performance.now();
  const answer = await fetch(`${door}/alerts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ uuid, store, video, timestamp: Math.floor(Date.now() / 1_000) }),
  });
  const body: unknown = await answer.json();
  expect(answer.status).toBe(202);
  return { tookMs: performance.now() - began, dispatch: Object(body).dispatch };
}

/** Waits until so many alerts are all there is, each final and told: the reconciler takes some 20 s to notice a lost one. */
export async function expectAllDone({ database }: Stack, count: number): Promise<void> {
  const limits = { timeout: 60_000, interval: 500 };
  await expect.poll(() => readProgress(database), limits).toMatchObject({ rows: count, final: count, notified: count });
}
