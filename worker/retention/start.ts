import { listRetentionRules, partsOf } from '#prisma/retention-rules.ts';
import { withSessionLock } from '#prisma/session-lock.ts';
import { createRun, type RunDeps } from './run.ts';

/** Of the advisory lock: one worker deletes for all. */
const LOCK = { key: 20_261_127, name: 'retention' };
const INTERVAL_MS = 60_000;

type Options = RunDeps & {
  databaseUrl: string;
  /** RETENTION_DAYS; undefined: alerts are kept forever unless a rule applies. */
  defaultDays: number | undefined;
  intervalMs?: number;
};

/**
 * Deletes the alerts that are due, once a minute, in one worker. Without rules it only reads that there are none. A failed run
 * is logged and counted; the next one tries again.
 */
export function startRetention({ databaseUrl, defaultDays, intervalMs = INTERVAL_MS, ...deps }: Options): {
  close(): Promise<void>;
} {
  const { db, log, metrics } = deps;
  const closing = new AbortController();
  const run = createRun(deps);
  let timer: NodeJS.Timeout;
  const runOnce = async () => {
    const readParts = async () => partsOf(await listRetentionRules(db), defaultDays);
    const task = async () => {
      const deleted = await run(readParts, closing.signal);
      metrics.lastSuccess.setToCurrentTime();
      if (deleted > 0) log.info({ deleted }, 'deleted alerts because of their age');
    };
    const isLeader = (await readParts()).length > 0 && (await withSessionLock(databaseUrl, LOCK, task));
    // What another worker fails to do, that worker reports.
    metrics.failing.set(0);
    metrics.archive.failing.set(0);
    if (!isLeader) metrics.due.set(0);
  };
  let running: Promise<unknown> = Promise.resolve();
  const schedule = () => {
    timer = setTimeout(() => {
      running = runOnce()
        .catch((err: unknown) => {
          if (closing.signal.aborted) return;
          metrics.failing.set(1);
          log.error({ err }, 'retention failed: old alerts are not deleted');
        })
        .finally(() => closing.signal.aborted || schedule());
    }, intervalMs);
  };
  schedule();
  return {
    async close() {
      closing.abort();
      clearTimeout(timer);
      await running;
    },
  };
}
