import type { Logger } from 'pino';
import { takeOwed } from '#prisma/alerts.ts';
import type { Database } from '#prisma/client.ts';
import type { AlertQueue } from '#redis/queue.ts';

/** A row is looked at when nothing has touched it for this long; its job then waits, runs, or is gone. */
const QUIET_MS = 15_000;
const EVERY_MS = 5_000;
/** Rows per pass: bounds what a long backlog costs to 100 look-ups a second over all workers. */
const BATCH = 500;

/** Sends again the jobs of rows that still owe work or a notification and whose job the queue has lost. */
export async function reconcile(
  deps: { db: Database; queue: AlertQueue; log: Logger },
  options = { quietMs: QUIET_MS, limit: BATCH },
): Promise<number> {
  const owed = await takeOwed(deps.db, options);
  let sent = 0;
  for (const job of owed) {
    if (await deps.queue.enqueueAgain(job)) sent += 1;
  }
  if (sent > 0) deps.log.warn({ sent }, 'reconciled: jobs that the queue had lost were sent again');
  return sent;
}

/** Reconciles every 5 s until closed. A pass that fails is logged; the next one tries again. */
export function startReconciler(deps: { db: Database; queue: AlertQueue; log: Logger }): { close(): Promise<void> } {
  let closing = false;
  let timer: NodeJS.Timeout | undefined;
  let pass: Promise<void> = Promise.resolve();
  const tick = async () => {
    try {
      await reconcile(deps);
    } catch (error) {
      deps.log.warn({ err: error }, 'reconcile failed');
    }
    if (!closing) timer = setTimeout(next, EVERY_MS);
  };
  const next = () => {
    pass = tick();
  };
  next();
  return {
    async close() {
      closing = true;
      clearTimeout(timer);
      await pass;
    },
  };
}
