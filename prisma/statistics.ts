import type { Database } from './client.ts';
import { Prisma } from './generated/client.ts';
import type { AlertStatus, FailureCode } from './generated/enums.ts';

/** Rows that one query may count: rows limit its cost, not the length of its period. 100,000 take about 0.1 s. */
export const MAX_COUNTED = 100_000;

export type StatisticsFilter = {
  store?: string | undefined;
  /** Limits the result to these stores, in addition to `store`; undefined: all stores. */
  stores?: readonly string[] | undefined;
};

/** Alerts with the same status and failure code; failed alerts also with the same store. */
export type AlertCount = {
  status: AlertStatus;
  failureCode: FailureCode | null;
  store: string | null;
  count: number;
  /** The failed ones of them that were restored from the archive: they are never retried. */
  archived: number;
  /** When the first of their rounds of attempts started: at the receipt, or at an operator's retry. */
  oldest: Date;
  /** When the latest of them was received. */
  newest: Date;
};

/** Counts the newest MAX_COUNTED alerts that were received in the period; `from` is inclusive, `to` exclusive. */
export async function countAlerts(
  db: Database,
  filter: StatisticsFilter,
  window: { from?: Date | undefined; to?: Date | undefined },
): Promise<AlertCount[]> {
  return db.$queryRaw<AlertCount[]>`
    SELECT status::text, failure_code::text AS "failureCode", CASE WHEN status = 'failed' THEN store END AS store,
      count(*)::int AS count, min(COALESCE(round_started_at, received_at)) AS oldest, max(received_at) AS newest,
      (count(*) FILTER (WHERE status = 'failed' AND EXISTS (SELECT FROM archived_alerts WHERE alert_id = counted.id)))::int AS archived
    FROM (${newest(filter, window)}) counted GROUP BY 1, 2, 3 ORDER BY count DESC`;
}

/**
 * The alerts received in one minute, and percentiles of the time to the result in ms. After an operator's retry, that time
 * starts at the retry.
 */
export type AlertMinute = {
  /** Minutes since 1970. */
  minute: number;
  received: number;
  processed: number;
  failed: number;
  p50: number | null;
  p95: number | null;
};

/** Returns one entry per minute in which an alert was received, oldest first. */
export async function minutesOf(db: Database, filter: StatisticsFilter, from: Date): Promise<AlertMinute[]> {
  const elapsed = Prisma.sql`1000 * extract(epoch FROM processed_at - COALESCE(round_started_at, received_at))::float8`;
  return db.$queryRaw<AlertMinute[]>`
    SELECT floor(extract(epoch FROM received_at) / 60)::int AS minute, count(*)::int AS received,
      (count(*) FILTER (WHERE status = 'processed'))::int AS processed,
      (count(*) FILTER (WHERE status = 'failed'))::int AS failed,
      percentile_cont(0.5) WITHIN GROUP (ORDER BY ${elapsed}) AS p50,
      percentile_cont(0.95) WITHIN GROUP (ORDER BY ${elapsed}) AS p95
    FROM (${newest(filter, { from })}) counted GROUP BY 1 ORDER BY 1`;
}

function newest({ store, stores }: StatisticsFilter, { from, to }: { from?: Date | undefined; to?: Date | undefined }) {
  const where = [Prisma.sql`true`];
  if (store !== undefined) where.push(Prisma.sql`store = ${store}`);
  if (stores !== undefined) where.push(Prisma.sql`store = ANY(${[...stores]}::text[])`);
  if (from) where.push(Prisma.sql`received_at >= ${from}`);
  if (to) where.push(Prisma.sql`received_at < ${to}`);
  return Prisma.sql`SELECT id, status, failure_code, store, received_at, processed_at, round_started_at FROM alerts
    WHERE ${Prisma.join(where, ' AND ')} ORDER BY received_at DESC, id DESC LIMIT ${MAX_COUNTED}`;
}

/** Alerts of one store and source that wait for another attempt, after the same failure. */
export type WaitingCount = {
  store: string;
  /** The source that the client selected. */
  source: string | null;
  code: string;
  count: number;
  /** When the first of their rounds of attempts started. */
  since: Date;
  /** The next of their attempts that have a time. */
  next: Date | null;
};

/** Counts those of the oldest MAX_COUNTED unfinished alerts that wait for another attempt. `stores`: undefined for all. */
export async function countWaiting(db: Database, stores: readonly string[] | undefined): Promise<WaitingCount[]> {
  return db.$queryRaw<WaitingCount[]>`
    SELECT store, source, split_part(last_error, ':', 1) AS code, count(*)::int AS count,
      min(COALESCE(round_started_at, received_at)) AS since,
      min(next_attempt_at) FILTER (WHERE next_attempt_at > now()) AS next
    FROM (SELECT * FROM alerts WHERE notified_at IS NULL ORDER BY received_at LIMIT ${MAX_COUNTED}) unfinished
    WHERE status = 'pending' AND last_error IS NOT NULL
      AND (store = ANY(${stores ? [...stores] : null}::text[]) OR ${stores === undefined})
    GROUP BY 1, 2, 3`;
}

/**
 * Returns the seconds since the receipt of the oldest unfinished alert, or since its retry by an operator; 0 if there is
 * none. Reads the first row of an index of unfinished alerts after the retried ones, and one row of an index of those.
 */
export async function oldestUnfinishedSeconds(db: Database): Promise<number> {
  const [oldest] = await db.$queryRaw<{ seconds: number | null }[]>`
    SELECT extract(epoch FROM now() - LEAST(
      (SELECT received_at FROM alerts WHERE notified_at IS NULL AND round_started_at IS NULL ORDER BY received_at LIMIT 1),
      (SELECT round_started_at FROM alerts WHERE notified_at IS NULL AND round_started_at IS NOT NULL
       ORDER BY round_started_at LIMIT 1)))::float8 AS seconds`;
  return oldest?.seconds ?? 0;
}
