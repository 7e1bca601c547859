import type { Logger } from 'pino';
import { pruneAuditLog } from '#prisma/audit.ts';
import type { Database } from '#prisma/client.ts';

const INTERVAL_MS = 3_600_000;

/**
 * Deletes entries of the audit log that are older than `days`: at the start and then once an hour. Several workers may do so at
 * the same time. Undefined: it does nothing.
 */
export function startAuditRetention({
  db,
  log,
  days,
  intervalMs = INTERVAL_MS,
}: {
  db: Database;
  log: Logger;
  days: number | undefined;
  intervalMs?: number;
}): { close(): Promise<void> } {
  if (days === undefined) return { close: async () => {} };
  let closing = false;
  const prune = async () => {
    try {
      let total = 0;
      // Each statement deletes a bounded number; the last entries only say that it did.
      for (let deleted = -1; deleted !== 0 && !closing; total += deleted) deleted = await pruneAuditLog(db, days);
      if (total > 0) log.info({ deleted: total }, 'deleted old entries of the audit log');
    } catch (err) {
      log.error({ err }, 'cannot delete old entries of the audit log; the next try is in an hour');
    }
  };
  let running = prune();
  const timer = setInterval(() => {
    running = running.then(prune);
  }, intervalMs);
  return {
    async close() {
      closing = true;
      clearInterval(timer);
      await running;
    },
  };
}
