import type { Database } from './client.ts';
import { Prisma } from './generated/client.ts';
import type { AlertStatus, FailureCode } from './generated/enums.ts';

/** Of one question: what it may cost is bounded by rows, not by the length of its window. 100,000 take some 0.1 s. */
export const MAX_COUNTED = 100_000;

export type StatisticsFilter = {
  store?: string | undefined;
  /** Of these stores alone, whatever `store` says; undefined: of all. */
  stores?: readonly string[] | undefined;
};

/** Alerts alike in status, failure and (the failed ones) store. */
export type AlertCount = {
  status: AlertStatus;
  failureCode: FailureCode | null;
  store: string | null;
  count: number;
  oldest: Date;
  newest: Date;
};

/** Counts the newest MOST_COUNTED alerts received within the window; `from` inclusive, `to` exclusive. */
export async function countAlerts(
  db: Database,
  filter: StatisticsFilter,
  window: { from?: Date | undefined; to?: Date | undefined },
): Promise<AlertCount[]> {
  return db.$queryRaw<AlertCount[]>`
    SELECT status::text, failure_code::text AS "failureCode", CASE WHEN status = 'failed' THEN store END AS store,
      count(*)::int AS count, min(received_at) AS oldest, max(received_at) AS newest
    FROM (${newest(filter, window)}) counted GROUP BY 1, 2, 3 ORDER BY count DESC`;
}

/** What was received in one minute, and how long it took from receipt to the result, in ms. */
export type AlertMinute = {
  /** Minutes since 1970. */
  minute: number;
  received: number;
  processed: number;
  failed: number;
  p50: number | null;
  p95: number | null;
};

/** One entry per minute in which something was received, the oldest first. */
export async function minutesOf(db: Database, filter: StatisticsFilter, from: Date): Promise<AlertMinute[]> {
  const took = Prisma.sql`1000 * extract(epoch FROM processed_at - received_at)::float8`;
  return db.$queryRaw<AlertMinute[]>`
    SELECT floor(extract(epoch FROM received_at) / 60)::int AS minute, count(*)::int AS received,
      (count(*) FILTER (WHERE status = 'processed'))::int AS processed,
      (count(*) FILTER (WHERE status = 'failed'))::int AS failed,
      percentile_cont(0.5) WITHIN GROUP (ORDER BY ${took}) AS p50,
      percentile_cont(0.95) WITHIN GROUP (ORDER BY ${took}) AS p95
    FROM (${newest(filter, { from })}) counted GROUP BY 1 ORDER BY 1`;
}

function newest({ store, stores }: StatisticsFilter, { from, to }: { from?: Date | undefined; to?: Date | undefined }) {
  const where = [Prisma.sql`true`];
  if (store !== undefined) where.push(Prisma.sql`store = ${store}`);
  if (stores !== undefined) where.push(Prisma.sql`store = ANY(${[...stores]}::text[])`);
  if (from) where.push(Prisma.sql`received_at >= ${from}`);
  if (to) where.push(Prisma.sql`received_at < ${to}`);
  return Prisma.sql`SELECT status, failure_code, store, received_at, processed_at FROM alerts
    WHERE ${Prisma.join(where, ' AND ')} ORDER BY received_at DESC, id DESC LIMIT ${MAX_COUNTED}`;
}

/**
 * Seconds since the receipt of the oldest alert that is still owed its result or its notification; 0 without one.
 * One row of an index that holds no others.
 */
export async function oldestUnfinishedSeconds(db: Database): Promise<number> {
  const [oldest] = await db.$queryRaw<{ seconds: number }[]>`
    SELECT extract(epoch FROM now() - received_at)::float8 AS seconds FROM alerts
    WHERE notified_at IS NULL ORDER BY received_at LIMIT 1`;
  return oldest?.seconds ?? 0;
}
