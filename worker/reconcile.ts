import type { Logger } from 'pino';
import type { Database } from '#prisma/client.ts';
import { type OverdueOptions, openOverdueScan, takeOverdue } from '#prisma/overdue.ts';
import type { AlertQueue } from '#redis/queue.ts';

/** A row is checked once it has been untouched for this long; by then its job is waiting, running, or lost. */
const QUIET_MS = 15_000;
const INTERVAL_MS = 5_000;
const BATCH_SIZE = 500;
/**
 * Batches per pass: 1,000 rows a second per worker. With 1,000,000 alerts that wait legitimately, a lost job is found
 * after 17 minutes at most with one worker. With one batch per pass, that took up to 10,000 s.
 */
const MAX_BATCHES = 10;

export type ReconcileDeps = { db: Database; queue: AlertQueue; log: Logger; reconciled: { inc(count: number): void } };

/**
 * Enqueues again the jobs of rows that still need processing or a notification and whose job the queue has lost. Returns
 * how many were enqueued.
 */
export async function reconcile(
  deps: ReconcileDeps,
  { quietMs = QUIET_MS, limit = BATCH_SIZE, take = (options: OverdueOptions) => takeOverdue(deps.db, options) } = {},
): Promise<number> {
  let enqueued = 0;
  for (let batch = 1; batch <= MAX_BATCHES; batch += 1) {
    const overdue = await take({ quietMs, limit });
    enqueued += await deps.queue.enqueueAgain(overdue);
    if (overdue.length < limit) break;
  }
  deps.reconciled.inc(enqueued);
  if (enqueued > 0) deps.log.warn({ enqueued }, 'reconciled: enqueued jobs that the queue had lost');
  return enqueued;
}

/** Reconciles every 5 s until closed. A failed pass is logged; the next one tries again. */
export function startReconciler(deps: ReconcileDeps): { close(): Promise<void> } {
  let closing = false;
  let timer: NodeJS.Timeout | undefined;
  let currentPass: Promise<void> = Promise.resolve();
  const take = openOverdueScan(deps.db);
  const runPass = async () => {
    let enqueued = 0;
    try {
      enqueued = await reconcile(deps, { take });
    } catch (err) {
      deps.log.warn({ err }, 'reconciliation failed');
    }
    // A flushed queue loses whole batches: then the next pass follows at once.
    if (!closing) timer = setTimeout(startPass, enqueued >= BATCH_SIZE ? 0 : INTERVAL_MS);
  };
  const startPass = () => {
    currentPass = runPass();
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
