import { setTimeout as sleep } from 'node:timers/promises';
import type { AlertQueue } from '#redis/queue.ts';
import type { Finding } from './checker.ts';
import { drive } from './client.ts';
import { planOf } from './faults.ts';
import type { History } from './history.ts';
import { startInjector, strike } from './injector.ts';
import { readProgress } from './observe.ts';
import type { Options } from './options.ts';
import type { Stack } from './stack.ts';

export type Run = { house: Stack; ledger: History; options: Options; signal: AbortSignal; say: (line: string) => void };

/** What a scenario promises beside what every run does, and what it measured, in words. */
export type Outcome = { findings: Finding[]; measures: Record<string, string | number> };

export const SCENARIOS: Record<Options['scenario'], (run: Run) => Promise<Outcome>> = { storm, wipe, rolling };

/** A steady flow of alerts while a seeded hand strikes everything. */
async function storm({ house, ledger, options, signal }: Run): Promise<Outcome> {
  await startAll(house, signal);
  const hand = startInjector(house, planOf(options.seed, options.backend), ledger, signal);
  try {
    await drive({ doors: house.doors, ledger, count: options.alerts, perSecond: options.rate }, signal);
  } finally {
    await hand.rest();
  }
  return { findings: [], measures: { 'blows skipped': hand.skipped() } };
}

const RESTARTS = 20;

/** A steady flow while apis and workers are restarted one after another, as a deploy does. */
async function rolling({ house, ledger, options, signal, say }: Run): Promise<Outcome> {
  await startAll(house, signal);
  let done = 0;
  const flow = drive(
    { doors: house.doors, ledger, count: options.alerts, perSecond: options.rate, goOn: () => done < RESTARTS },
    signal,
  );
  flow.catch(() => {}); // told below
  for (; done < RESTARTS; done += 1) {
    const kind = done % 2 === 0 ? 'restart api' : 'restart worker';
    await strike(house, { kind, which: done % 4 < 2 ? 0 : 1, pauseMs: 0, forMs: 0, aim: 'claimed' }, ledger, signal);
    say(`${kind}: ${done + 1} of ${RESTARTS}`);
  }
  await flow;
  return { findings: [], measures: { 'rolling restarts': done } };
}

const ENQUEUED_WITHIN_MS = 60_000;

/** Every alert is pending, the queue forgets them all, and only then come the workers. */
async function wipe({ house, ledger, options, signal, say }: Run): Promise<Outcome> {
  await Promise.all([...house.apis, house.window].map((part) => part.start(signal)));
  await drive({ doors: house.doors, ledger, count: options.alerts, perSecond: options.rate, onlyGood: true }, signal);
  const queue = house.openQueue();
  try {
    const remembered = await queue.bull().getJobCountByTypes();
    const wipedAt = Date.now();
    await house.flushQueue();
    const left = await queue.bull().getJobCountByTypes();
    say(`the queue knew ${remembered} jobs and now knows ${left}: starting the workers`);
    await Promise.all(house.workers.map((worker) => worker.start(signal)));
    const tookMs = await allEnqueued({ house, signal }, queue, wipedAt);
    const late = tookMs > ENQUEUED_WITHIN_MS ? [`it took ${tookMs} ms`] : [];
    return {
      findings: [{ promise: 'everything that a wiped queue forgot is enqueued within 60 s', broken: late }],
      measures: {
        'jobs before and after the wipe': `${remembered}, ${left}`,
        'from the wipe until all were enqueued again': `${tookMs} ms`,
      },
    };
  } finally {
    await queue.close();
  }
}

/** Milliseconds from `since` until each row has a waiting job or has been claimed. */
async function allEnqueued(
  { house, signal }: Pick<Run, 'house' | 'signal'>,
  queue: AlertQueue,
  since: number,
): Promise<number> {
  for (;;) {
    const waiting = await queue.bull().getJobCountByTypes('waiting', 'prioritized');
    // Read after the jobs, which only become fewer by becoming claims.
    const { untouched } = await readProgress(house.database);
    if (waiting >= untouched) return Date.now() - since;
    await sleep(500, undefined, { signal });
  }
}

async function startAll(house: Stack, signal: AbortSignal): Promise<void> {
  await Promise.all([house.window, ...house.workers, ...house.apis].map((part) => part.start(signal)));
}
