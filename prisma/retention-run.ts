import type { Database } from './client.ts';
import type { Candidate } from './delete-alerts.ts';
import type { RetentionState } from './generated/client.ts';
import { Prisma } from './generated/client.ts';
import type { Part } from './retention-rules.ts';

export type { RetentionState } from './generated/client.ts';

/** A place in the order of receipt. */
export type ReceiptPosition = { receivedAt: Date; id: bigint };

const DAY_MS = 86_400_000;

export async function readDatabaseTime(db: Database): Promise<Date> {
  const [row] = await db.$queryRaw<[{ now: Date }]>`SELECT now()`;
  return row.now;
}

/** Returns the time before which the alerts of the part were received that are due. */
export function dueBefore({ days }: Part, now: Date): Date {
  return new Date(now.getTime() - days * DAY_MS);
}

/** `after`: where the next page begins; undefined after the last one. */
type DuePage = { due: Candidate[]; after: ReceiptPosition | undefined };

/**
 * Reads the next `limit` alerts of a part that were received before `until`, oldest first, and returns those that are due:
 * final, notified and not held. A page may have none although others follow: what is read is bounded.
 */
export async function readDue(
  db: Database,
  part: Part,
  { after, until, restoredUntil, limit }: { after: ReceiptPosition; until: Date; restoredUntil?: Date; limit: number },
): Promise<DuePage> {
  const rows = await db.$queryRaw<(Candidate & ReceiptPosition & { due: boolean })[]>`
    WITH scanned AS MATERIALIZED (
      SELECT id, received_at, updated_at, store, status, notified_at FROM alerts
      WHERE ${indexed(part)} AND received_at < ${until}::timestamptz
        AND received_at >= ${after.receivedAt}::timestamptz AND (received_at, id) > (${after.receivedAt}::timestamptz, ${after.id}::bigint)
      ORDER BY received_at, id LIMIT ${limit}::int)
    SELECT id, received_at AS "receivedAt", updated_at AS "updatedAt", ${isDue(part, restoredUntil)} AS due
    FROM scanned ORDER BY received_at, id`;
  const last = rows.at(-1);
  const due = rows.filter((row) => row.due).map(({ id, updatedAt }) => ({ id, updatedAt }));
  return { due, after: rows.length < limit || !last ? undefined : { receivedAt: last.receivedAt, id: last.id } };
}

/** `limit` bounds the alerts that are counted, `scan` the rows of each part that are read, `from` when they were received. */
type CountLimits = { limit: number; scan: number; from?: (part: Part) => Date; restoredUntil?: Date };

/** Returns the number of alerts that are due, and when the oldest of them was received. */
export async function countDue(
  db: Database,
  parts: readonly Part[],
  now: Date,
  { limit, scan, from = () => new Date(0), restoredUntil }: CountLimits,
): Promise<{ alerts: number; oldest: Date | null }> {
  let alerts = 0;
  let oldest: Date | null = null;
  for (const part of parts) {
    if (alerts >= limit) break;
    const [row] = await db.$queryRaw<[{ n: number; oldest: Date | null }]>`
      SELECT count(*)::int AS n, min(received_at) AS oldest FROM (
        SELECT received_at FROM (
          SELECT id, received_at, store, status, notified_at FROM alerts
          WHERE ${indexed(part)} AND received_at >= ${from(part)}::timestamptz AND received_at < ${dueBefore(part, now)}::timestamptz
          ORDER BY received_at, id LIMIT ${scan}::int) scanned
        WHERE ${isDue(part, restoredUntil)} LIMIT ${limit - alerts}::int) due`;
    alerts += row.n;
    if (row.oldest && (!oldest || row.oldest < oldest)) oldest = row.oldest;
  }
  return { alerts, oldest };
}

/** The conditions that the indexes of listings have. Exactly the failed alerts have a code. */
function indexed({ store, status }: Part): Prisma.Sql {
  const ofStore = store === null ? Prisma.sql`true` : Prisma.sql`store = ${store}`;
  return status === 'failed' ? Prisma.sql`${ofStore} AND failure_code IS NOT NULL` : ofStore;
}

/** An alert that was restored from the archive after `restoredUntil` is kept. */
function isDue({ exceptStores, status }: Part, restoredUntil = new Date()): Prisma.Sql {
  const statuses = status === null ? Prisma.sql`('processed', 'failed')` : Prisma.sql`(${status}::alert_status)`;
  const others = exceptStores.length === 0 ? Prisma.empty : Prisma.sql`AND store <> ALL (${exceptStores}::text[])`;
  return Prisma.sql`(status IN ${statuses} AND notified_at IS NOT NULL ${others}
    AND NOT EXISTS (SELECT FROM holds WHERE alert_id = scanned.id)
    AND NOT EXISTS (SELECT FROM archived_alerts WHERE alert_id = scanned.id AND restored_at > ${restoredUntil}::timestamptz))`;
}

export async function findRetentionState(db: Database): Promise<RetentionState | null> {
  return db.retentionState.findUnique({ where: { id: 1 } });
}

/** Records that a run has started. */
export async function startRetentionRun(db: Database): Promise<void> {
  await db.$executeRaw`
    INSERT INTO retention_state (started_at, updated_at) VALUES (now(), now())
    ON CONFLICT (id) DO UPDATE SET started_at = now(), updated_at = now(), finished_at = NULL, deleted = 0, error = NULL`;
}

/** Records what the current run has deleted until now. */
export async function recordRetentionProgress(db: Database, deleted: number): Promise<void> {
  await db.$executeRaw`UPDATE retention_state SET updated_at = now(), deleted = ${deleted}::int WHERE id = 1`;
}

/** Records the end of the current run; `error`: why it ended early. */
export async function endRetentionRun(db: Database, deleted: number, error: string | null): Promise<void> {
  await db.$executeRaw`
    UPDATE retention_state SET updated_at = now(), finished_at = now(), deleted = ${deleted}::int, error = ${error}
    WHERE id = 1`;
}
