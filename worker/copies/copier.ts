import { setTimeout as sleep } from 'node:timers/promises';
import { claimCopy, countCopies } from '#prisma/copies.ts';
import { type AttemptDeps, attemptCopy, leaseMs } from './attempt.ts';
import { removeAbandonedCopies } from './folders.ts';
import type { CopyMetrics } from './metrics.ts';

export type CopierDeps = Omit<AttemptDeps, 'metrics'> & { metrics: CopyMetrics; intervals?: Intervals };

type Intervals = { pollMs: number; measureMs: number; cleanMs: number };

const INTERVALS: Intervals = { pollMs: 2_000, measureMs: 15_000, cleanMs: 600_000 };

/** Claims and makes due copies, one at a time. `close` aborts the one in progress, which does not count. */
export function startCopier(deps: CopierDeps): { close(): Promise<void> } {
  const { log, intervals = INTERVALS } = deps;
  const stopping = new AbortController();
  const { signal } = stopping;
  const next = async () => {
    const claimed = await claimCopy(deps.db, leaseMs(deps));
    if (claimed) await attemptCopy(deps, claimed, signal);
    return claimed !== undefined;
  };
  const tasks = [
    repeat(next, intervals.pollMs, signal, (err) => log.warn({ err }, 'making copies failed')),
    repeat(
      () => measure(deps),
      intervals.measureMs,
      signal,
      (err) => log.warn({ err }, 'counting copies failed'),
    ),
    repeat(
      () => clean(deps),
      intervals.cleanMs,
      signal,
      (err) => log.warn({ err }, 'cannot remove folders of killed workers'),
    ),
  ];
  return {
    async close() {
      stopping.abort(new Error('the worker is stopping'));
      await Promise.all(tasks);
    },
  };
}

/** Runs the task again and again, after a pause if it returns false. Reports a failure once per outage. */
async function repeat(
  task: () => Promise<boolean>,
  pauseMs: number,
  signal: AbortSignal,
  onError: (error: unknown) => void,
): Promise<void> {
  let failing = false;
  while (!signal.aborted) {
    let again = false;
    try {
      again = await task();
      failing = false;
    } catch (error) {
      if (!failing) onError(error);
      failing = true;
    }
    if (!again) await sleep(pauseMs, undefined, { signal }).catch(() => {});
  }
}

async function measure({ db, metrics }: CopierDeps): Promise<false> {
  const { pending, pendingArchive, oldestPendingAt, cacheBytes } = await countCopies(db);
  metrics.pending.set({ kind: 'requested' }, pending);
  metrics.pending.set({ kind: 'archive' }, pendingArchive);
  metrics.oldestPending.set(oldestPendingAt ? Math.max(0, Date.now() - oldestPendingAt.getTime()) / 1_000 : 0);
  metrics.cacheBytes.set(cacheBytes);
  return false;
}

async function clean({ log, temporaryFolder }: CopierDeps): Promise<false> {
  const abandoned = await removeAbandonedCopies(temporaryFolder);
  if (abandoned > 0) log.info({ abandoned }, 'removed folders of copies whose worker was killed');
  return false;
}
