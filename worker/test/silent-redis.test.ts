import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject, it, onTestFinished } from 'vitest';
import { sampleAlert } from '../chaos/client.ts';
import { type House, openHouse } from '../chaos/house.ts';
import { newLedger } from '../chaos/ledger.ts';
import { readProgress } from '../chaos/look.ts';

const ALERTS = 40;
/** The api waits for the queue for 3 s, once. */
const FIRST_MS = 4_500;
const NEXT_MS = 1_000;
/** A row is looked at after 15 s of quiet, at a look every 5 s; the rest is for two busy cores. */
const SENT_AGAIN = { timeout: 60_000, interval: 500 };

async function openOwnHouse(): Promise<House> {
  const folder = await mkdtemp(join(tmpdir(), 'silent-'));
  const opened: { close(): Promise<void> }[] = [{ close: () => rm(folder, { recursive: true, force: true }) }];
  onTestFinished(async () => {
    for (const part of opened) await part.close();
  }, 60_000);
  const options = { backend: 'redis', folder, logs: undefined, searchPath: process.env.PATH ?? '' } as const;
  return openHouse({ ...options, ledger: newLedger() }, opened);
}

function signalRedis({ redis }: House, signal: NodeJS.Signals): void {
  const pid = redis?.pid();
  if (pid !== undefined) process.kill(pid, signal);
}

/** Milliseconds until the answer, which must be 202, and what became of the job. */
async function send(door: string, index: number): Promise<{ tookMs: number; dispatch: unknown }> {
  const { expected: _, ...alert } = sampleAlert(index, true);
  const began = performance.now();
  const answer = await fetch(`${door}/alerts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...alert, timestamp: Math.floor(Date.now() / 1_000) }),
  });
  const body: unknown = await answer.json();
  expect(answer.status).toBe(202);
  return { tookMs: performance.now() - began, dispatch: Object(body).dispatch };
}

it.skipIf(inject('redisCommand') === null)(
  'a house that starts on a stopped Redis takes alerts, and works all of them off when it goes on',
  { timeout: 180_000 },
  async () => {
    const house = await openOwnHouse();
    signalRedis(house, 'SIGSTOP');
    onTestFinished(() => signalRedis(house, 'SIGCONT')); // before the house is closed
    const signal = AbortSignal.timeout(60_000);
    await Promise.all([house.window, ...house.apis, ...house.workers].map((part) => part.start(signal)));
    const [door] = house.doors;
    const first = await send(door, 0);
    expect(first.dispatch).toBe('deferred');
    expect(first.tookMs).toBeLessThan(FIRST_MS);
    for (let index = 1; index < ALERTS; index += 1) {
      const { tookMs, dispatch } = await send(door, index);
      expect(dispatch).toBe('deferred');
      expect(tookMs).toBeLessThan(NEXT_MS);
    }
    signalRedis(house, 'SIGCONT');
    const progress = () => readProgress(house.database);
    await expect.poll(progress, SENT_AGAIN).toMatchObject({ rows: ALERTS, final: ALERTS, notified: ALERTS });
    expect((await send(door, ALERTS)).dispatch).toBe('queued');
  },
);
