import type { Logger } from 'pino';
import type { Database } from '#prisma/client.ts';
import { openOverdueScan, takeOverdue } from '#prisma/overdue.ts';
import type { AlertQueue } from '#redis/queue.ts';
import { capacityOf, MEMORY_LIMITS } from '#redis/usage.ts';
import type { WorkerMetrics } from './metrics.ts';

/** A row is checked once it has been untouched for this long; by then its job is waiting, running, or lost. */
const QUIET_MS = 15_000;
const INTERVAL_MS = 5_000;
/** Rows per pass. Also the size of the largest bulk retry, whose alerts keep their rate if they are taken together. */
const BATCH_SIZE = 5_000;
/** While more rows are overdue, a pass follows after this many times its duration: a fifth of one worker's time. */
const PAUSE_PER_DURATION = 4;

export type ReconcileDeps = {
  db: Database;
  queue: AlertQueue;
  log: Logger;
  metrics: Pick<WorkerMetrics, 'reconciled' | 'overdue'>;
  /** As for the api's new alerts: the queue takes no more jobs than this. */
  maxDepth: number;
};

/** `missing`: rows whose job the queue had lost. `complete`: the scan has ended. `full`: it is a scan of all overdue rows. */
export type Pass = { checked: number; missing: number; enqueued: number; complete: boolean; full: boolean };

/**
 * Checks a page of overdue rows, and enqueues again the jobs that the queue has lost, as far as there is capacity. A row whose
 * job is live is only read.
 */
export async function reconcile(
  deps: ReconcileDeps,
  scan = openOverdueScan(deps.db),
  options = { quietMs: QUIET_MS, limit: BATCH_SIZE },
): Promise<Pass> {
  const removed = await deps.queue.relieve();
  if (removed > 0) deps.log.error({ removed }, 'Redis is full: removed the newest jobs, to be enqueued again later');
  const { alerts, ...scanned } = await scan(options);
  const missing = await deps.queue.findLost(alerts);
  const enqueued = missing.length === 0 ? 0 : await enqueueMissing(deps, missing, options.quietMs);
  return { checked: alerts.length, missing: missing.length, enqueued, ...scanned };
}

async function enqueueMissing(deps: ReconcileDeps, missing: { uuid: string }[], quietMs: number): Promise<number> {
  const limits = { maxDepth: deps.maxDepth, memoryShare: MEMORY_LIMITS.background };
  const capacity = capacityOf(await deps.queue.usage(), limits);
  const uuids = missing.slice(0, capacity).map(({ uuid }) => uuid);
  if (uuids.length === 0) return 0;
  const taken = new Map((await takeOverdue(deps.db, uuids, { quietMs })).map((key) => [key.uuid, key]));
  // Oldest first, as they were listed: a store's jobs get later places in the queue one after the other.
  const enqueued = await deps.queue.enqueueAgain(uuids.flatMap((uuid) => taken.get(uuid) ?? []));
  deps.metrics.reconciled.inc(enqueued);
  if (enqueued > 0) deps.log.warn({ enqueued }, 'reconciled: enqueued jobs that the queue had lost');
  return enqueued;
}

/** Checks all overdue rows again and again until closed. A failed pass is logged; the next one tries again. */
export function startReconciler(deps: ReconcileDeps): { close(): Promise<void> } {
  let closing = false;
  let timer: NodeJS.Timeout | undefined;
  let currentPass: Promise<void> = Promise.resolve();
  const scan = openOverdueScan(deps.db);
  let sweep = { checked: 0, left: 0 };
  const runPass = async (): Promise<number> => {
    const startedAt = performance.now();
    const { checked, missing, enqueued, complete, full } = await reconcile(deps, scan);
    sweep = { checked: sweep.checked + checked, left: sweep.left + missing - enqueued };
    if (!complete) return Math.min(INTERVAL_MS, (performance.now() - startedAt) * PAUSE_PER_DURATION);
    if (full) {
      deps.metrics.overdue.set({ state: 'checked' }, sweep.checked);
      deps.metrics.overdue.set({ state: 'missing' }, sweep.left);
    }
    sweep = { checked: 0, left: 0 };
    return INTERVAL_MS;
  };
  const startPass = () => {
    currentPass = runPass()
      .catch((err: unknown) => {
        deps.log.warn({ err }, 'reconciliation failed');
        return INTERVAL_MS;
      })
      .then((pauseMs) => {
        if (!closing) timer = setTimeout(startPass, pauseMs);
      });
  };
  startPass();
  return {
    async close() {
      closing = true;
      clearTimeout(timer);
      await currentPass;
    },
  };
}
