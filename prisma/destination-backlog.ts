import { appendAudit, type NewAuditEntry } from './audit.ts';
import type { Database } from './client.ts';

/** Rows per statement of an operation on all deliveries of a destination: 0.5 s on a busy machine; the timeout is 8 s. */
const CHUNK = 2_000;

/**
 * Deletes the destination and, for `ms` at most, its deliveries, pending ones too. Returns false if there is none. From here
 * on no delivery is added or sent, and its name is free. `entry` is appended to the audit log. The sweeps of the workers delete what is left: see purgeDeleted.
 */
export async function deleteDestination(db: Database, id: string, ms: number, entry?: NewAuditEntry): Promise<boolean> {
  // A DELETE of the row itself would delete all deliveries: it would lock the row, and recording results would wait for it.
  // No event has the name none.
  const deleted = await db.transaction(async (tx) => {
    const count = await tx.$executeRaw`
    UPDATE destinations SET deleted_at = now(), name = 'deleted ' || id, secrets = NULL, enabled = false,
      filter_events = '{none}' WHERE id = ${id}::uuid AND deleted_at IS NULL`;
    if (count > 0 && entry) await appendAudit(tx, entry);
    return count;
  });
  if (deleted === 0) return false;
  await purgeDeleted(db, id, ms);
  return true;
}

/** Returns the ids of deleted destinations that still have a row. */
export async function deletedDestinations(db: Database): Promise<string[]> {
  const rows = await db.destination.findMany({ where: { deletedAt: { not: null } }, select: { id: true } });
  return rows.map(({ id }) => id);
}

/** Deletes deliveries of a deleted destination, for `ms` at most, and then its row. Several processes may do so at a time. */
export async function purgeDeleted(db: Database, id: string, ms: number): Promise<void> {
  const end = performance.now() + ms;
  let deleted = CHUNK;
  while (deleted === CHUNK && performance.now() < end) {
    deleted = await db.$executeRaw`
      DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE destination_id = ${id}::uuid
        ORDER BY created_at DESC LIMIT ${CHUNK}::int FOR UPDATE SKIP LOCKED)`;
  }
  await db.$executeRaw`
    DELETE FROM destinations WHERE id = ${id}::uuid AND deleted_at IS NOT NULL
      AND NOT EXISTS (SELECT FROM deliveries WHERE destination_id = ${id}::uuid)`;
}

/**
 * Enables or disables the destination, and closes its circuit breaker. Returns false if there is none. Before it is enabled,
 * its pending deliveries are spread over time, oldest first, `ratePerS` per second. Of a large backlog, only the first part:
 * the breaker is then half open, and the worker spreads the rest after it has sent one delivery.
 */
export async function setEnabled(
  db: Database,
  id: string,
  enabled: boolean,
  { ratePerS }: { ratePerS: number },
): Promise<boolean> {
  const complete = !enabled || (await spaceBacklog(db, id, ratePerS, { chunks: 1 }));
  const changed = await db.$executeRaw`
    UPDATE destinations SET enabled = ${enabled}, disabled_reason = NULL, consecutive_failures = 0,
      blocked_until = CASE WHEN ${complete} THEN NULL ELSE now() END,
      disabled_at = CASE WHEN ${enabled} THEN NULL ELSE COALESCE(disabled_at, now()) END, updated_at = now()
    WHERE id = ${id}::uuid AND deleted_at IS NULL`;
  return changed === 1;
}

/**
 * Spreads the pending deliveries of a destination over time, oldest first, `ratePerS` per second; of the oldest 2,000 for
 * each of `chunks`. Returns whether these were all. Call it while nothing is claimed: the destination is disabled or blocked.
 */
export async function spaceBacklog(
  db: Database,
  id: string,
  ratePerS: number,
  { chunks = Number.POSITIVE_INFINITY } = {},
): Promise<boolean> {
  let after = { at: new Date(0), id: '00000000-0000-0000-0000-000000000000', spaced: 0 };
  for (let chunk = 0; chunk < chunks; chunk += 1) {
    // A time within the next minute can be the end of an attempt's lease: another attempt would send twice.
    const [page] = await db.$queryRaw<{ at: Date; id: string; n: number }[]>`
      WITH page AS MATERIALIZED (
        SELECT id, created_at, row_number() OVER (ORDER BY created_at, id) AS n FROM deliveries
        WHERE destination_id = ${id}::uuid AND status = 'pending' AND created_at >= ${after.at}::timestamptz
          AND (created_at, id) > (${after.at}::timestamptz, ${after.id}::uuid)
        ORDER BY created_at, id LIMIT ${CHUNK}::int),
      spaced AS (
        UPDATE deliveries
        SET next_attempt_at = now() + make_interval(secs => (${after.spaced}::int + n - 1) / ${ratePerS}::float8)
        FROM page WHERE deliveries.id = page.id AND status = 'pending'
          AND NOT (next_attempt_at > now() AND next_attempt_at < now() + interval '1 minute'))
      SELECT created_at AS at, id::text, n::int FROM page ORDER BY n DESC LIMIT 1`;
    if (!page || page.n < CHUNK) return true;
    after = { at: page.at, id: page.id, spaced: after.spaced + page.n };
    // Otherwise the block ends during a large backlog, and another worker starts the same.
    await db.$executeRaw`
      UPDATE destinations SET blocked_until = now() + interval '1 minute'
      WHERE id = ${id}::uuid AND blocked_until IS NOT NULL`;
  }
  return false;
}
