import { setTimeout as sleep } from 'node:timers/promises';
import type { StackDatabase } from './database.ts';

/** A processed alert that ended without a picture and without a reason. `picture`: the status of its row, if it has one. */
export type Unpictured = { uuid: string; picture: string | null };

/**
 * Returns the processed alerts that have neither a picture nor a reason for having none, after waiting up to `timeoutMs`.
 * Pictures whose next attempt would be minutes later are due at once.
 */
export async function readUnpictured(
  database: StackDatabase,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Unpictured[]> {
  for (const deadline = Date.now() + timeoutMs; ; await sleep(2_000, undefined, { signal })) {
    const unpictured = await database.direct().$queryRaw<Unpictured[]>`
      SELECT uuid::text, pictures.status::text AS picture FROM alerts LEFT JOIN pictures ON alert_id = alerts.id
      WHERE alerts.status = 'processed' AND (pictures.status IS NULL OR pictures.status = 'pending'
        OR pictures.status = 'none' AND pictures.reason IS NULL OR pictures.status = 'ready' AND pictures.sha256 IS NULL)`;
    if (unpictured.length === 0 || Date.now() > deadline) return unpictured;
    await database.direct().$executeRaw`
      UPDATE pictures SET next_attempt_at = now() WHERE status = 'pending' AND reason IS NOT NULL AND crashes = 0`;
  }
}
