import type { AlertKey } from './alerts.ts';
import type { Database } from './client.ts';

/** A place in the order of overdue alerts. */
export type OverduePosition = { updatedAt: Date; id: bigint };

export type OverdueAlert = OverduePosition & Pick<AlertKey, 'uuid' | 'notBefore'>;

type Page = { quietMs: number; limit: number; after?: OverduePosition | undefined };

/**
 * Returns at most `limit` unfinished alerts (not processed or not notified) that were not updated for `quietMs`, oldest
 * update first, after the position. Changes nothing.
 */
export async function listOverdue(db: Database, { quietMs, limit, after = START }: Page): Promise<OverdueAlert[]> {
  const time = after.updatedAt;
  return db.$queryRaw<OverdueAlert[]>`
    SELECT id, uuid::text, updated_at AS "updatedAt", CASE status WHEN 'pending' THEN next_attempt_at END AS "notBefore"
    FROM alerts
    WHERE notified_at IS NULL AND updated_at < now() - make_interval(secs => ${quietMs / 1000})
      AND updated_at >= ${time}::timestamptz AND (updated_at, id) > (${time}::timestamptz, ${after.id}::bigint)
    ORDER BY updated_at, id LIMIT ${limit}`;
}

/**
 * Returns at most `limit` unfinished alerts whose last update is in the future, because the database's clock was set back.
 * listOverdue would find them only after that time.
 */
export async function listFuture(db: Database, limit: number): Promise<OverdueAlert[]> {
  return db.$queryRaw<OverdueAlert[]>`
    SELECT id, uuid::text, updated_at AS "updatedAt", CASE status WHEN 'pending' THEN next_attempt_at END AS "notBefore"
    FROM alerts WHERE notified_at IS NULL AND updated_at > now() + interval '1 minute' ORDER BY updated_at LIMIT ${limit}`;
}

/** Before all alerts. */
export const START: OverduePosition = { updatedAt: new Date(0), id: 0n };

/** How often every overdue alert is listed, also those that the scan has passed. */
const FULL_SCANS = { minMs: 15_000, maxMs: 60_000 };
/** Between these limits, listing all takes this share of the time. Checking their jobs costs about the same again. */
const FULL_SCAN_SHARE = 1 / 200;

/** `complete`: no more alerts are overdue; the next call begins another scan. `full`: this is a scan of all. */
export type OverduePage = { alerts: OverdueAlert[]; complete: boolean; full: boolean };

/**
 * Returns a function that lists all overdue alerts, page by page, again and again: those that became overdue since its last
 * scan, and all of them if the last scan of all began `minMs` ago, or up to `maxMs` ago if that one took long.
 *
 * Each write of an alert leaves an entry in the index, which stays until no transaction can need it. While a transaction is
 * open anywhere in the server, every scan from the beginning reads them all: 290 ms after 200,000 alerts.
 */
export function openOverdueScan(db: Database, { minMs, maxMs } = FULL_SCANS) {
  let scanned = START;
  let after: OverduePosition | undefined;
  let full = false;
  let nextFullScan = Number.NEGATIVE_INFINITY;
  let startedAt = 0;
  let listingMs = 0;
  return async ({ quietMs, limit }: { quietMs: number; limit: number }): Promise<OverduePage> => {
    const begins = after === undefined;
    const calledAt = performance.now();
    if (begins) {
      full = calledAt >= nextFullScan;
      startedAt = calledAt;
      listingMs = 0;
    }
    const position: OverduePosition = after ?? (full ? START : scanned);
    const [clock] = await db.$queryRaw<
      { before: Date }[]
    >`SELECT now() - make_interval(secs => ${quietMs / 1000}) AS before`;
    const alerts = await listOverdue(db, { quietMs, limit, after: position });
    const complete = alerts.length < limit;
    // No row with an older update can appear any more: the statements that write them end within quietMs. One that was
    // locked just now, or that another program wrote in a longer transaction, is found by the next full scan.
    if (complete && clock) scanned = { updatedAt: clock.before, id: 0n };
    after = complete ? undefined : alerts.at(-1);
    const future = begins && full ? await listFuture(db, limit) : [];
    listingMs += performance.now() - calledAt;
    if (full) nextFullScan = startedAt + Math.min(maxMs, Math.max(minMs, listingMs / FULL_SCAN_SHARE));
    return { alerts: [...future, ...alerts], complete, full };
  };
}

/**
 * Returns those of these alerts that are still overdue, to enqueue them again. Updates them, so that other callers skip them
 * for `quietMs`. Alerts of a bulk retry that has not started on time are moved together: the first is due now, the others in
 * the same intervals as before.
 */
export async function takeOverdue(
  db: Database,
  uuids: string[],
  { quietMs }: { quietMs: number },
): Promise<AlertKey[]> {
  // MATERIALIZED: a plan that evaluates the subquery twice would skip the rows that it has locked, and take others.
  return db.$queryRaw<AlertKey[]>`
    WITH overdue AS MATERIALIZED (
      SELECT id, next_attempt_at, round_started_at,
        status = 'pending' AND attempts = attempts_before AND round_started_at IS NOT NULL AS unstarted
      FROM alerts
      WHERE uuid = ANY(${uuids}::uuid[]) AND notified_at IS NULL
        AND (updated_at < now() - make_interval(secs => ${quietMs / 1000}) OR updated_at > now() + interval '1 minute')
      ORDER BY uuid FOR UPDATE SKIP LOCKED),
    taken AS (
      SELECT id, next_attempt_at + CASE WHEN unstarted THEN GREATEST(interval '0', now() - min(next_attempt_at)
        FILTER (WHERE unstarted) OVER (PARTITION BY round_started_at)) ELSE interval '0' END AS next_attempt_at
      FROM overdue)
    UPDATE alerts SET updated_at = now(), next_attempt_at = taken.next_attempt_at
    FROM taken WHERE alerts.id = taken.id
    RETURNING uuid::text, request_id AS "requestId", store, source, traceparent,
      CASE status WHEN 'pending' THEN alerts.next_attempt_at END AS "notBefore"`;
}
