import type { Database } from './client.ts';
import { AGAIN } from './copies.ts';
import { Prisma } from './generated/client.ts';

/** Processed alerts of a store that were received before this time. */
export type ArchiveFilter = { store: string; before: Date };

/** Counts of alerts by their copy for the archive. `missing`: it was never requested. `bytes`: of those that are ready. */
export type ArchiveCounts = {
  alerts: number;
  ready: number;
  pending: number;
  none: number;
  missing: number;
  bytes: number;
  /** The number of alerts without a copy, by reason. */
  reasons: Record<string, number>;
};

export async function countArchive(db: Database, { store, before }: ArchiveFilter): Promise<ArchiveCounts> {
  const rows = await db.$queryRaw<
    { state: 'ready' | 'pending' | 'none' | 'missing'; reason: string | null; n: number; bytes: number }[]
  >`
    SELECT CASE WHEN copies.archive THEN copies.status::text ELSE 'missing' END AS state, CASE WHEN archive THEN reason END AS reason,
      count(*)::int AS n, COALESCE(sum(bytes), 0)::float8 AS bytes
    FROM alerts LEFT JOIN copies ON copies.alert_id = alerts.id
    WHERE store = ${store} AND received_at < ${before} AND alerts.status = 'processed' GROUP BY 1, 2`;
  const counts: ArchiveCounts = { alerts: 0, ready: 0, pending: 0, none: 0, missing: 0, bytes: 0, reasons: {} };
  for (const { state, reason, n, bytes } of rows) {
    counts.alerts += n;
    counts[state] += n;
    if (state === 'ready') counts.bytes += bytes;
    if (state === 'none') counts.reasons[reason ?? 'unknown'] = n;
  }
  return counts;
}

/** The last alert of the page before. */
export type ArchiveCursor = { receivedAt: Date; id: bigint };

/** `after`: undefined after the last page. */
type ArchivePage = { requested: number; after: ArchiveCursor | undefined };

/**
 * Requests copies for the archive for the next `limit` alerts after the cursor, oldest first: those that have none, and with
 * `retry` those for which none could be made. A copy that another user has requested becomes one for the archive.
 */
export async function requestArchiveCopies(
  db: Database,
  { store, before }: ArchiveFilter,
  { limit, after, retry = false }: { limit: number; after?: ArchiveCursor | undefined; retry?: boolean | undefined },
): Promise<ArchivePage> {
  const cursor = after
    ? Prisma.sql`AND (alerts.received_at, alerts.id) > (${after.receivedAt}, ${after.id}::bigint)`
    : Prisma.empty;
  const [row] = await db.$queryRaw<{ found: number; requested: number; receivedAt: Date | null; id: bigint | null }[]>`
    WITH found AS MATERIALIZED (
      SELECT alerts.id, alerts.received_at FROM alerts LEFT JOIN copies ON copies.alert_id = alerts.id
      WHERE store = ${store} AND alerts.received_at < ${before} AND alerts.status = 'processed' ${cursor}
        AND (copies.archive IS NOT TRUE OR (${retry}::bool AND copies.status = 'none'))
      ORDER BY alerts.received_at, alerts.id LIMIT ${limit}::int),
    requested AS (
      INSERT INTO copies (alert_id, archive) SELECT id, true FROM found ORDER BY id
      ON CONFLICT (alert_id) DO UPDATE SET ${AGAIN}, archive = true
      -- One that is being made is left to its worker; the next run finds it.
      WHERE copies.status <> 'pending' OR copies.next_attempt_at <= now()
      RETURNING alert_id)
    SELECT (SELECT count(*)::int FROM found) AS found, (SELECT count(*)::int FROM requested) AS requested,
      (SELECT received_at FROM found ORDER BY received_at DESC, id DESC LIMIT 1) AS "receivedAt",
      (SELECT id FROM found ORDER BY received_at DESC, id DESC LIMIT 1) AS id`;
  const { found = 0, requested = 0, receivedAt, id } = row ?? {};
  const isLast = found < limit || !receivedAt || id === null || id === undefined;
  return { requested, after: isLast ? undefined : { receivedAt, id } };
}
