import { setTimeout as sleep } from 'node:timers/promises';
import type { StackDatabase } from './database.ts';

/** A processed alert that ended without a picture and without a reason. `picture`: the status of its row, if it has one. */
export type Unpictured = { uuid: string; picture: string | null };

/**
 * Returns the processed alerts that have neither a picture nor a reason for having none, after waiting until no more
 * pictures end for `stallMs`. Pictures whose next attempt would be minutes later are due at once.
 */
export async function readUnpictured(
  database: StackDatabase,
  stallMs: number,
  signal: AbortSignal,
): Promise<Unpictured[]> {
  let least = Number.POSITIVE_INFINITY;
  for (let deadline = 0; ; await sleep(2_000, undefined, { signal })) {
    const unpictured = await database.direct().$queryRaw<Unpictured[]>`
      SELECT uuid::text, pictures.status::text AS picture FROM alerts LEFT JOIN pictures ON alert_id = alerts.id
      WHERE alerts.status = 'processed' AND (pictures.status IS NULL OR pictures.status = 'pending'
        OR pictures.status = 'none' AND pictures.reason IS NULL OR pictures.status = 'ready' AND pictures.sha256 IS NULL)`;
    if (unpictured.length < least) deadline = Date.now() + stallMs;
    least = Math.min(least, unpictured.length);
    if (least === 0 || Date.now() > deadline) return unpictured;
    await database.direct().$executeRaw`
      UPDATE pictures SET next_attempt_at = now() WHERE status = 'pending' AND reason IS NOT NULL AND crashes = 0`;
  }
}

/** Returns how many pictures there are, and how many alerts have none, by reason: `ready 95, damaged_frame 5`. */
export async function describePictures(database: StackDatabase): Promise<string> {
  const counts = await database.direct().$queryRaw<{ state: string; count: number }[]>`
    SELECT CASE status WHEN 'none' THEN reason::text ELSE status::text END AS state, count(*)::int AS count
    FROM pictures GROUP BY 1 ORDER BY 2 DESC`;
  return counts.map(({ state, count }) => `${state} ${count}`).join(', ');
}
