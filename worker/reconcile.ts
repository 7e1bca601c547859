import type { Logger } from 'pino';
import { takeOverdue } from '#prisma/alerts.ts';
import type { Database } from '#prisma/client.ts';
import type { AlertQueue } from '#redis/queue.ts';

/** A row is looked at when nothing has touched it for this long; its job then waits, runs, or is gone. */
const QUIET_MS = 15_000;
const EVERY_MS = 5_000;
/** Rows per pass: bounds what a long backlog costs to 100 look-ups a second over all workers. */
const BATCH = 500;

type Deps = { db: Database; queue: AlertQueue; log: Logger; reconciled: { inc(count: number): void } };

/** Sends again the jobs of rows that still owe work or a notification and whose job the queue has lost. */
export async function reconcile(deps: Deps, options = { quietMs: QUIET_MS, limit: BATCH }): Promise<number> {
  const sent = await deps.queue.enqueueAgain(await takeOverdue(deps.db, options));
  deps.reconciled.inc(sent);
  if (sent > 0) deps.log.warn({ sent }, 'reconciled: jobs that the queue had lost were sent again');
  return sent;
}

/** Reconciles every 5 s, or at once after a batch that was lost whole, until closed. A pass that fails is logged; the next one tries again. */
export function startReconciler(deps: Deps): { close(): Promise<void> } {
  let closing = false;
  let timer: NodeJS.Timeout | undefined;
  let pass: Promise<void> = Promise.resolve();
  const tick = async () => {
    let sent = 0;
    try {
      sent = await reconcile(deps);
    } catch (error) {
      deps.log.warn({ err: error }, 'reconcile failed');
    }
    // After a wiped queue whole batches are lost: then the next one is not made to wait.
    if (!closing) timer = setTimeout(next, sent === BATCH ? 0 : EVERY_MS);
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
