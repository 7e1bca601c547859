import type { AlertKey } from './alerts.ts';
import type { Database } from './client.ts';

export type OverdueOptions = { quietMs: number; limit: number };

/**
 * Returns at most `limit` unfinished alerts (not processed or not notified) that were not updated for `quietMs`, oldest
 * update first. Updates them, so that other callers skip them for the same time. An update in the future counts as
 * overdue: the database's clock was set back, and the row would be invisible here for as long.
 */
export async function takeOverdue(db: Database, options: OverdueOptions): Promise<AlertKey[]> {
  return (await takeSince(db, options, new Date(0))).overdue;
}

/** Every alert is looked at this often, also those that the scan has passed. */
const FULL_SCAN_MS = 60_000;

/**
 * Returns a function like takeOverdue that begins where its last call has ended, and once a minute at the beginning.
 *
 * Each write of an alert leaves an entry in the index, which stays until no transaction can need it. While a transaction is
 * open anywhere in the server, every scan from the beginning reads them all: 290 ms after 200,000 alerts.
 */
export function openOverdueScan(db: Database, fullScanMs = FULL_SCAN_MS): (o: OverdueOptions) => Promise<AlertKey[]> {
  let since = new Date(0);
  let lastFullScan = performance.now();
  return async (options) => {
    const now = performance.now();
    if (now - lastFullScan >= fullScanMs) {
      since = new Date(0);
      lastFullScan = now;
    }
    const { overdue, before } = await takeSince(db, options, since);
    // No row with an older update can appear any more: the statements that write them end within quietMs. One that was
    // locked just now, or that another program wrote in a longer transaction, is found by the next full scan.
    if (overdue.length < options.limit) since = before;
    return overdue;
  };
}

/** Takes alerts that were last updated between `since` and `before`, the time `quietMs` ago by the database's clock. */
async function takeSince(
  db: Database,
  { quietMs, limit }: OverdueOptions,
  since: Date,
): Promise<{ overdue: AlertKey[]; before: Date }> {
  // MATERIALIZED: a plan that evaluates the subquery twice would skip the rows that it has locked, and take others.
  const rows = await db.$queryRaw<({ before: Date } & (AlertKey | { uuid: null }))[]>`
    WITH overdue AS MATERIALIZED (
      SELECT id FROM alerts
      WHERE notified_at IS NULL AND updated_at >= ${since} AND updated_at < now() - make_interval(secs => ${quietMs / 1000})
      ORDER BY updated_at LIMIT ${limit} FOR UPDATE SKIP LOCKED),
    future AS MATERIALIZED (
      SELECT id FROM alerts WHERE notified_at IS NULL AND updated_at > now() + interval '1 minute'
      ORDER BY updated_at LIMIT ${limit} FOR UPDATE SKIP LOCKED),
    taken AS (
      UPDATE alerts SET updated_at = now()
      FROM (SELECT id FROM overdue UNION ALL SELECT id FROM future LIMIT ${limit}) AS found
      WHERE alerts.id = found.id
      RETURNING uuid, request_id, store, traceparent)
    SELECT now() - make_interval(secs => ${quietMs / 1000}) AS before, uuid, request_id AS "requestId", store, traceparent
    FROM (SELECT) AS always LEFT JOIN taken ON true`;
  const overdue = rows.flatMap(({ before: _, ...row }) => (row.uuid === null ? [] : [row]));
  return { overdue, before: rows[0]?.before ?? since };
}
