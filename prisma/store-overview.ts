import type { Database } from './client.ts';
import { Prisma } from './generated/client.ts';

/** Rows that one overview may count: rows limit its cost, not the length of its period. */
export const MAX_COUNTED = 2_000_000;
/** Stores of one overview. In the API's memory, each takes about 200 bytes. */
export const MAX_STORES = 20_000;
// Unfinished alerts that are counted, as in countWaiting: an outage can leave millions.
const MAX_UNFINISHED = 100_000;

/** `previousFrom` to `from` is the period before, `from` to `to` the period. */
export type OverviewWindow = { previousFrom: Date; from: Date; to: Date };

/** What one store sent. */
export type StoreSummary = {
  store: string;
  alerts: number;
  failed: number;
  previousAlerts: number;
  previousFailed: number;
  /** Now, whenever they were received. */
  unfinished: number;
  /** Unfinished after a failed attempt, or after LATE_AFTER. */
  late: number;
  lastAlertAt: Date;
  /** Since when the store is reported as silent; null: it is not. */
  silentSince: Date | null;
};

/**
 * Returns a summary of each store that has alerts, those without one in both periods included. Reads the alerts of both periods,
 * the unfinished ones, and of each other store two rows of the index. `countedFrom`: alerts that were received before were not
 * counted, because MAX_COUNTED newer ones were; null if all were.
 */
export async function summarizeStores(
  db: Database,
  window: OverviewWindow,
): Promise<{ stores: StoreSummary[]; countedFrom: Date | null }> {
  const stores = await db.$queryRaw<(StoreSummary & { oldest: Date | null })[]>`
    WITH RECURSIVE names (store) AS (
      (SELECT store FROM alerts ORDER BY store LIMIT 1)
      UNION ALL
      SELECT (SELECT store FROM alerts WHERE store > names.store ORDER BY store LIMIT 1) FROM names
      WHERE names.store IS NOT NULL),
    counted AS MATERIALIZED (${countByStore(window)}),
    waiting AS MATERIALIZED (${countUnfinished()})
    SELECT store, COALESCE(alerts, 0) AS alerts, COALESCE(failed, 0) AS failed,
      COALESCE(previous_alerts, 0) AS "previousAlerts", COALESCE(previous_failed, 0) AS "previousFailed",
      COALESCE(unfinished, 0) AS unfinished, COALESCE(late, 0) AS late,
      COALESCE(newest, (SELECT received_at FROM alerts WHERE alerts.store = names.store
        ORDER BY received_at DESC, id DESC LIMIT 1)) AS "lastAlertAt", oldest, silent.since AS "silentSince"
    FROM (SELECT store FROM names WHERE store IS NOT NULL LIMIT ${MAX_STORES}) names
      LEFT JOIN counted USING (store) LEFT JOIN waiting USING (store)
      LEFT JOIN (
        SELECT store, since FROM silences WHERE camera = '' AND ended_at IS NULL AND notified_at IS NOT NULL) silent USING (store)`;
  const counted = stores.reduce((sum, { alerts, previousAlerts }) => sum + alerts + previousAlerts, 0);
  const oldest = stores.reduce((min, row) => Math.min(min, row.oldest?.getTime() ?? min), Number.POSITIVE_INFINITY);
  return {
    stores: stores.map(({ oldest: _, ...summary }) => summary),
    countedFrom: counted < MAX_COUNTED ? null : new Date(oldest),
  };
}

function countByStore({ previousFrom, from, to }: OverviewWindow): Prisma.Sql {
  const inPeriod = Prisma.sql`received_at >= ${from}`;
  // Exactly the failed rows have a code.
  const failed = Prisma.sql`failure_code IS NOT NULL`;
  const count = (where: Prisma.Sql) => Prisma.sql`(count(*) FILTER (WHERE ${where}))::int`;
  return Prisma.sql`
    SELECT store, ${count(inPeriod)} AS alerts, ${count(Prisma.sql`${inPeriod} AND ${failed}`)} AS failed,
      ${count(Prisma.sql`NOT ${inPeriod}`)} AS previous_alerts,
      ${count(Prisma.sql`NOT ${inPeriod} AND ${failed}`)} AS previous_failed,
      max(received_at) AS newest, min(received_at) AS oldest
    FROM (SELECT store, failure_code, received_at FROM alerts WHERE received_at >= ${previousFrom} AND received_at < ${to}
      ORDER BY received_at DESC, id DESC LIMIT ${MAX_COUNTED}) AS newest
    GROUP BY store`;
}

function countUnfinished(): Prisma.Sql {
  return Prisma.sql`
    SELECT store, count(*)::int AS unfinished,
      (count(*) FILTER (WHERE last_error IS NOT NULL OR late_at IS NOT NULL))::int AS late
    FROM (SELECT store, status, last_error, late_at FROM alerts WHERE notified_at IS NULL
      ORDER BY received_at LIMIT ${MAX_UNFINISHED}) AS oldest
    WHERE status IN ('pending', 'processing') GROUP BY store`;
}

/** Alerts of one store that were received in one part of the period. `bucket`: 0 for the first one. */
export type StoreBucket = { store: string; bucket: number; alerts: number; failed: number };

/** Counts the alerts of the stores per `seconds` from `from` to `to`. Parts without alerts are missing. */
export async function countBuckets(
  db: Database,
  stores: readonly string[],
  { from, to, seconds }: { from: Date; to: Date; seconds: number },
): Promise<StoreBucket[]> {
  return db.$queryRaw<StoreBucket[]>`
    SELECT store, floor(extract(epoch FROM received_at - ${from}::timestamptz) / ${seconds}::int)::int AS bucket,
      count(*)::int AS alerts, (count(*) FILTER (WHERE failure_code IS NOT NULL))::int AS failed
    FROM unnest(${[...stores]}::text[]) AS wanted (store) CROSS JOIN LATERAL (
      SELECT received_at, failure_code FROM alerts
      WHERE alerts.store = wanted.store AND received_at >= ${from} AND received_at < ${to}) AS received
    GROUP BY 1, 2`;
}
