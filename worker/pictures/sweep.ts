import type { Logger } from 'pino';
import type { Database } from '#prisma/client.ts';
import { pendingPictures } from '#prisma/pictures.ts';
import type { PictureMetrics } from './metrics.ts';
import type { Runner } from './runner.ts';

type SweepDeps = {
  db: Database;
  log: Logger;
  metrics: PictureMetrics;
  runner: Pick<Runner, 'sweep'>;
  intervals?: Intervals;
};
type Intervals = { dueMs: number; countMs: number };

const INTERVALS: Intervals = { dueMs: 2_000, countMs: 15_000 };

/**
 * Finds pictures that no worker makes now: those that were not handed over, retries, and those of killed workers; and
 * measures. A failed pass is logged once per outage.
 */
export function startSweep({ db, log, metrics, runner, intervals = INTERVALS }: SweepDeps): { close(): Promise<void> } {
  let countedAt = Number.NEGATIVE_INFINITY;
  let closing = false;
  let failing = false;
  let timer: NodeJS.Timeout | undefined;
  let currentPass: Promise<void> = Promise.resolve();
  const runPass = async () => {
    await runner.sweep();
    if (performance.now() - countedAt < intervals.countMs) return;
    countedAt = performance.now();
    const { count, oldestAt } = await pendingPictures(db);
    metrics.pending.set(count);
    metrics.oldestPending.set(oldestAt === null ? 0 : Math.max(0, Date.now() - oldestAt.getTime()) / 1_000);
  };
  const startPass = async () => {
    try {
      await runPass();
      failing = false;
    } catch (err) {
      if (!failing) log.warn({ err }, 'looking for due pictures failed');
      failing = true;
    }
    if (!closing) timer = setTimeout(next, intervals.dueMs);
  };
  const next = () => {
    currentPass = startPass();
  };
  next();
  return {
    async close() {
      closing = true;
      clearTimeout(timer);
      await currentPass;
    },
  };
}
