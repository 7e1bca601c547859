import { TimeoutError, withTimeout } from '#async/timeout.ts';
import type { ShownAlert } from './alert-columns.ts';
import { type AlertCursor, type AlertFilter, matching } from './alert-filter.ts';
import type { ClaimedAlert, NewAlert, Release } from './alert-writes.ts';
import type { Database, Transaction } from './client.ts';
import { NEW_ROW } from './column-defaults.ts';
import { DatabaseUnavailable } from './errors.ts';
import { type Lease, type NewPicture, type Recorded, type Resolution, recordedOf } from './finish.ts';
import { firstOfStores } from './first-of-stores.ts';
import { type Alert, Prisma } from './generated/client.ts';
import type { AlertStatus, FailureCode } from './generated/enums.ts';

export type { AlertCursor, AlertFilter } from './alert-filter.ts';
export type { ClaimedAlert, NewAlert } from './alert-writes.ts';
export type { Lease, NewPicture } from './finish.ts';
export type { Alert } from './generated/client.ts';

/** The columns that an alert's job needs. */
export type AlertKey = Pick<Alert, 'uuid' | 'requestId' | 'store' | 'source' | 'traceparent'> & {
  /** When the next attempt may start; null: at once. */
  notBefore: Date | null;
};

export type Claim = { kind: 'claimed'; alert: ClaimedAlert } | { kind: 'final'; alert: Alert } | { kind: 'unknown' };

/** The video server or the network failed, so a retry may help. All other codes are permanent. */
export const RETRYABLE_CODES: ReadonlySet<FailureCode> = new Set([
  'video_server_error',
  'video_server_unreachable',
  'video_timeout',
]);

const FINAL: AlertStatus[] = ['processed', 'failed'];

/**
 * Inserts the alert as pending, or returns the row with its uuid. Of two concurrent calls, one returns `created`. Throws
 * DatabaseUnavailable after 10 s, the time spent in the batcher's queue included; the alert may be inserted nevertheless.
 */
export async function addPending(db: Database, alert: NewAlert): Promise<{ created: boolean; alert: Alert }> {
  return withTimeout(insertOrFind(db, alert), db.queryTimeoutMs).catch((error: unknown) => {
    throw error instanceof TimeoutError ? new DatabaseUnavailable(error) : error;
  });
}

async function insertOrFind(db: Database, alert: NewAlert): Promise<{ created: boolean; alert: Alert }> {
  const inserted = await db.writes.insert(alert);
  if (!inserted) return { created: false, alert: await db.alert.findUniqueOrThrow({ where: { uuid: alert.uuid } }) };
  const { uuid, id, receivedAt } = inserted;
  const { traceparent = null, camera = null, source = null } = alert;
  const times = { receivedAt, updatedAt: receivedAt };
  return {
    created: true,
    alert: { ...NEW_ROW, ...alert, ...times, traceparent, camera, source, uuid, id },
  };
}

export async function findAlert(db: Database, uuid: string): Promise<Alert | null> {
  return db.alert.findUnique({ where: { uuid } });
}

type Page = { limit: number; after?: AlertCursor | undefined; oldestFirst?: boolean };

/** Returns at most `limit` alerts after the cursor by time of receipt, newest first unless `oldestFirst`. */
export async function listAlerts(db: Database, filter: AlertFilter, page: Page): Promise<ShownAlert[]> {
  const { store, stores } = filter;
  if (store !== undefined || stores === undefined || stores.length < 2) return pageOf(db, filter, page);
  const ofStore = (each: string) => pageOf(db, { ...filter, stores: [each] }, page);
  const compare = (a: AlertCursor, b: AlertCursor) => (page.oldestFirst ? newestFirst(b, a) : newestFirst(a, b));
  return firstOfStores(stores, { limit: page.limit, ofStore, compare });
}

/** For `sort`: by time of receipt, then by id. */
export function newestFirst(a: AlertCursor, b: AlertCursor): number {
  return b.receivedAt.getTime() - a.receivedAt.getTime() || (a.id < b.id ? 1 : -1);
}

function pageOf(db: Database, filter: AlertFilter, { limit, after, oldestFirst }: Page): Promise<ShownAlert[]> {
  const direction = Prisma.raw(oldestFirst ? 'ASC' : 'DESC');
  const order = Prisma.sql`ORDER BY received_at ${direction}, id ${direction}`;
  const page = Prisma.sql`${matching(filter, after, oldestFirst)} ${order} LIMIT ${limit}`;
  // PostgreSQL expects almost no open alerts. With all columns, it would read all acknowledgements again for each row.
  const isOpen = filter.triage === 'open';
  return db.alertReads.select(isOpen ? Prisma.sql`id IN (SELECT id FROM alerts WHERE ${page}) ${order}` : page);
}

/**
 * Claims a pending or processing alert for one more attempt; the holder of the attempt before can write no more. An alert
 * that is still `processing` counts as a crash, because its worker vanished. `queuedAt`: when the job entered the queue.
 */
export async function claim(db: Database, uuid: string, queuedAt?: Date): Promise<Claim> {
  const claimed = await db.writes.claim({ uuid, queuedAt });
  if (claimed) return { kind: 'claimed', alert: claimed };
  const alert = await findAlert(db, uuid);
  if (!alert) return { kind: 'unknown' };
  // Not final: an operator retried it between the two queries.
  return FINAL.includes(alert.status) ? { kind: 'final', alert } : claim(db, alert.uuid, queuedAt);
}

/** Records the result of an attempt, with its deliveries, and with the row of its picture unless pictures are off. */
export async function recordResolution(
  db: Database,
  lease: Lease,
  resolution: Resolution,
  bytesFetched: number,
  picture?: NewPicture,
): Promise<Recorded> {
  return recordedOf(await db.writes.finish({ lease, resolution, bytesFetched, picture }));
}

/** Records that the alert failed, with its deliveries. */
export async function recordFailure(
  db: Database,
  lease: Lease,
  failure: { code: FailureCode; detail: string },
  bytesFetched: number,
): Promise<Recorded> {
  return recordedOf(await db.writes.finish({ lease, failure, bytesFetched }));
}

/**
 * Releases the alert for another attempt, after `delayMs` if that is known. With `refund`, this attempt does not count: we
 * aborted it. `error` is kept as the reason why the alert is late. Returns false if nothing changed: the alert is final, or
 * another attempt has claimed it.
 */
export async function release(
  db: Database,
  lease: Lease,
  bytesFetched: number,
  { refund, error, delayMs, busyMs = 0 }: Pick<Release, 'refund'> & Partial<Omit<Release, 'lease' | 'bytesFetched'>>,
): Promise<boolean> {
  return (await db.writes.release({ lease, bytesFetched, refund, error, delayMs, busyMs })) !== undefined;
}

/** Selects failed alerts for an operator's retry. */
export type FailedFilter = Pick<AlertFilter, 'store' | 'stores' | 'failureCode' | 'from' | 'to'>;

/** Returns the number of matching failed alerts, and the uuids of the `limit` oldest. */
export async function findFailed(
  db: Database,
  filter: FailedFilter,
  limit: number,
): Promise<{ matched: number; uuids: string[] }> {
  // A restored alert is never retried.
  const where = Prisma.sql`${matching({ ...filter, status: 'failed' })}
    AND NOT EXISTS (SELECT FROM archived_alerts WHERE alert_id = alerts.id)`;
  const [[{ matched }], rows] = await Promise.all([
    db.$queryRaw<[{ matched: number }]>`SELECT count(*)::int AS matched FROM alerts WHERE ${where}`,
    db.$queryRaw<{ uuid: string }[]>`
      SELECT uuid FROM alerts WHERE ${where} ORDER BY received_at, id LIMIT ${limit}`,
  ]);
  return { matched, uuids: rows.map(({ uuid }) => uuid) };
}

/**
 * `perSecond`: spreads the first attempts over time, in the order of the uuids. `claims`: retries only the failure of this
 * claim. `retryKey`: retries only once in 24 hours with this key.
 */
export type RetryOptions = {
  perSecond?: number | undefined;
  claims?: number | undefined;
  retryKey?: string | undefined;
};

/**
 * Sets failed alerts to pending, with a new round of attempts and a new notification, and saves the round that failed.
 * Returns the keys of the alerts that changed; alerts that are not failed, or that the options exclude, stay as they are.
 */
export async function retryFailed(
  db: Pick<Database | Transaction, '$queryRaw'>,
  uuids: string[],
  options: RetryOptions = {},
): Promise<AlertKey[]> {
  const { perSecond = null, claims = null, retryKey = null } = options;
  return db.$queryRaw<AlertKey[]>`
    WITH failed AS MATERIALIZED (
      SELECT id, attempts, COALESCE(round_started_at, received_at) AS started_at, processed_at, failure_code, failure_detail, n
      FROM unnest(${uuids}::uuid[]) WITH ORDINALITY AS wanted (uuid, n) JOIN alerts USING (uuid)
      WHERE status = 'failed' AND NOT EXISTS (SELECT FROM archived_alerts WHERE alert_id = id)
        AND (claims = ${claims}::int OR ${claims}::int IS NULL) ORDER BY uuid FOR UPDATE OF alerts),
    keyed AS (
      INSERT INTO retry_keys AS used (alert_id, key) SELECT id, ${retryKey}::text FROM failed WHERE ${retryKey}::text IS NOT NULL
      ON CONFLICT (alert_id, key) DO UPDATE SET created_at = now(), response = NULL
      WHERE used.created_at <= now() - interval '24 hours' RETURNING alert_id),
    retried AS (SELECT * FROM failed WHERE ${retryKey}::text IS NULL OR id IN (SELECT alert_id FROM keyed)),
    saved AS (
      INSERT INTO alert_rounds (alert_id, attempts, started_at, ended_at, failure_code, failure_detail)
      SELECT id, attempts, started_at, COALESCE(processed_at, now()), failure_code, COALESCE(failure_detail, '') FROM retried
      ON CONFLICT DO NOTHING)
    UPDATE alerts SET status = 'pending', attempts_before = alerts.attempts, crashes = 0, failure_code = NULL,
      bytes_before = alerts.bytes_fetched, busy_ms = 0,
      failure_detail = NULL, last_error = NULL, last_error_at = NULL, round_started_at = now(),
      next_attempt_at = now() + make_interval(secs => (n - 1) / ${perSecond}::float8),
      processed_at = NULL, notified_at = NULL, updated_at = now(), change_xid = pg_current_xact_id()
    FROM retried WHERE alerts.id = retried.id
    RETURNING uuid::text, request_id AS "requestId", store, source, traceparent, next_attempt_at AS "notBefore"`;
}

/** Returns false if the alert was already marked as notified, is not final, or its result is of another claim. */
export async function markNotified(db: Database, lease: Lease): Promise<boolean> {
  return (await db.writes.markNotified(lease)) !== undefined;
}
