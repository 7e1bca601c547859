import type { ClaimedAlert, Lease, NewAlert, Resolution } from './alert-writes.ts';
import type { Database } from './client.ts';
import type { Alert, Prisma } from './generated/client.ts';
import type { AlertStatus, FailureCode } from './generated/enums.ts';

export type { ClaimedAlert, Lease, NewAlert } from './alert-writes.ts';
export type { Alert } from './generated/client.ts';

/** What an alert's job is made of. */
export type AlertKey = Pick<Alert, 'uuid' | 'requestId' | 'store' | 'traceparent'>;

export type Claim = { kind: 'claimed'; alert: ClaimedAlert } | { kind: 'final'; alert: Alert } | { kind: 'unknown' };

/** The fault lies with the video server or the way to it: trying again may help. All other codes are permanent. */
export const RETRYABLE_CODES: ReadonlySet<FailureCode> = new Set([
  'video_server_error',
  'video_server_unreachable',
  'video_timeout',
]);

const FINAL: AlertStatus[] = ['processed', 'failed'];

/** Stores the alert as pending, or finds the row that has its uuid: of two at once, one is `created`. */
export async function addPending(db: Database, alert: NewAlert): Promise<{ created: boolean; alert: Alert }> {
  const inserted = await db.writes.insert(alert);
  if (!inserted) return { created: false, alert: await db.alert.findUniqueOrThrow({ where: { uuid: alert.uuid } }) };
  const { uuid, id, receivedAt } = inserted;
  const { traceparent = null } = alert;
  const times = { receivedAt, updatedAt: receivedAt };
  return { created: true, alert: { ...UNTOUCHED, ...alert, ...times, traceparent, uuid, id: BigInt(id) } };
}

/** A row as INSERT leaves it, so that it need not be sent back for each alert. */
const UNTOUCHED = {
  status: 'pending',
  resolution: null,
  width: null,
  height: null,
  rotation: null,
  codec: null,
  container: null,
  duration: null,
  failureCode: null,
  failureDetail: null,
  attempts: 0,
  attemptsBefore: 0,
  crashes: 0,
  bytesFetched: 0n,
  lastError: null,
  queuedAt: null,
  startedAt: null,
  processedAt: null,
  notifiedAt: null,
} as const;

export async function findAlert(db: Database, uuid: string): Promise<Alert | null> {
  return db.alert.findUnique({ where: { uuid } });
}

export type AlertFilter = {
  store?: string | undefined;
  /** Of these stores alone, whatever `store` says; undefined: of all. */
  stores?: readonly string[] | undefined;
  status?: AlertStatus | undefined;
  failureCode?: FailureCode | undefined;
  /** Received at or after. */
  from?: Date | undefined;
  /** Received before. */
  to?: Date | undefined;
};

/** The place in the listing behind which a page begins. */
export type AlertCursor = Pick<Alert, 'receivedAt' | 'id'>;

/** At most `limit` alerts behind the cursor, the newest received first. */
export async function listAlerts(
  db: Database,
  filter: AlertFilter,
  page: { limit: number; after?: AlertCursor | undefined },
): Promise<Alert[]> {
  const { store, stores } = filter;
  if (store !== undefined || stores === undefined || stores.length < 2) return pageOf(db, filter, page);
  // A page of each, of which the index knows where it begins: of several at once it would read the table from its top.
  const pages = await Promise.all(stores.map((each) => pageOf(db, { ...filter, stores: [each] }, page)));
  return pages.flat().sort(newestFirst).slice(0, page.limit);
}

function newestFirst(a: AlertCursor, b: AlertCursor): number {
  return b.receivedAt.getTime() - a.receivedAt.getTime() || (a.id < b.id ? 1 : -1);
}

function pageOf(db: Database, filter: AlertFilter, page: { limit: number; after?: AlertCursor | undefined }) {
  const where = whereOf(filter);
  if (page.after) {
    const { receivedAt, id } = page.after;
    // `lte` beside the row comparison lets the index start at the cursor: OR alone would scan from the top.
    where.AND = [{ receivedAt: { lte: receivedAt } }, { OR: [{ receivedAt: { lt: receivedAt } }, { id: { lt: id } }] }];
  }
  return db.alert.findMany({ where, orderBy: [{ receivedAt: 'desc' }, { id: 'desc' }], take: page.limit });
}

function whereOf({ status, failureCode, ...filter }: AlertFilter): Prisma.AlertWhereInput {
  const where: Prisma.AlertWhereInput = {};
  const store: Prisma.StringFilter = {};
  if (filter.store !== undefined) store.equals = filter.store;
  if (filter.stores !== undefined) store.in = [...filter.stores];
  where.store = store;
  const received: Prisma.DateTimeFilter = {};
  if (filter.from) received.gte = filter.from;
  if (filter.to) received.lt = filter.to;
  where.receivedAt = received;
  // In the words of the partial indexes: a row has a code exactly while it is failed, and who owes work was not told.
  if (failureCode !== undefined) where.failureCode = failureCode;
  else if (status === 'failed') where.failureCode = { not: null };
  if (status === 'pending' || status === 'processing') where.notifiedAt = null;
  if (status !== undefined && status !== 'failed') where.status = status;
  return where;
}

/**
 * Takes an open alert for one more attempt; whoever held it before can write no more. One that was still held counts
 * as a crash: its holder vanished. `queuedAt`: when the job that led to it entered the queue.
 */
export async function claim(db: Database, uuid: string, queuedAt?: Date): Promise<Claim> {
  const claimed = await db.writes.claim({ uuid, queuedAt });
  if (claimed) return { kind: 'claimed', alert: claimed };
  const alert = await findAlert(db, uuid);
  if (!alert) return { kind: 'unknown' };
  // Open after all: an operator's retry came in between.
  return FINAL.includes(alert.status) ? { kind: 'final', alert } : claim(db, alert.uuid, queuedAt);
}

/** Returns false where another attempt was first: then nothing changed. */
export async function recordResolution(
  db: Database,
  lease: Lease,
  resolution: Resolution,
  bytesFetched: number,
): Promise<boolean> {
  return (await db.writes.finish({ lease, resolution, bytesFetched })) !== undefined;
}

/** Returns false where another attempt was first: then nothing changed. */
export async function recordFailure(
  db: Database,
  lease: Lease,
  failure: { code: FailureCode; detail: string },
  bytesFetched: number,
): Promise<boolean> {
  return (await db.writes.finish({ lease, failure, bytesFetched })) !== undefined;
}

/**
 * Releases the alert for another attempt. With `refund`, this attempt does not count: we aborted it. `error` is kept as
 * the reason why the alert is late.
 */
export async function release(
  db: Database,
  lease: Lease,
  bytesFetched: number,
  { refund, error }: { refund: boolean; error?: string | undefined },
): Promise<void> {
  await db.writes.release({ lease, bytesFetched, refund, error });
}

/** Which failed alerts an operator's retry is meant for. */
export type FailedFilter = Pick<AlertFilter, 'store' | 'stores' | 'failureCode' | 'from' | 'to'>;

/** How many failed alerts match, and at most `limit` of them, the longest failed first. */
export async function findFailed(
  db: Database,
  filter: FailedFilter,
  limit: number,
): Promise<{ matched: number; uuids: string[] }> {
  const where = whereOf({ ...filter, status: 'failed' });
  const [matched, rows] = await Promise.all([
    db.alert.count({ where }),
    db.alert.findMany({ where, orderBy: [{ receivedAt: 'asc' }, { id: 'asc' }], take: limit, select: { uuid: true } }),
  ]);
  return { matched, uuids: rows.map(({ uuid }) => uuid) };
}

/**
 * Gives failed alerts a new round of attempts, and a notification of its own. Returns the keys of those that were
 * failed and are pending now; the others are left as they are.
 */
export async function retryFailed(db: Database, uuids: string[]): Promise<AlertKey[]> {
  return db.$queryRaw<AlertKey[]>`
    UPDATE alerts SET status = 'pending', attempts_before = attempts, crashes = 0, failure_code = NULL, failure_detail = NULL,
      processed_at = NULL, notified_at = NULL, updated_at = now(), change_xid = pg_current_xact_id()
    WHERE uuid = ANY(${uuids}::uuid[]) AND status = 'failed'
    RETURNING uuid::text, request_id AS "requestId", store, traceparent`;
}

/** Returns false where the notification was already marked, or the alert is not final. */
export async function markNotified(db: Database, uuid: string): Promise<boolean> {
  return (await db.writes.mark({ uuid })) !== undefined;
}

/**
 * At most `limit` alerts that still owe work or a notification and were last touched over `quietMs` ago, the longest
 * untouched first. Touches them, so that no other caller gets them for as long.
 */
export async function takeOverdue(db: Database, options: { quietMs: number; limit: number }): Promise<AlertKey[]> {
  // MATERIALIZED: a join that reads the rows twice would skip those it has locked itself, and take others instead.
  return db.$queryRaw<AlertKey[]>`
    WITH owed AS MATERIALIZED (
      SELECT id FROM alerts
      WHERE notified_at IS NULL AND updated_at < now() - make_interval(secs => ${options.quietMs / 1000})
      ORDER BY updated_at LIMIT ${options.limit} FOR UPDATE SKIP LOCKED)
    UPDATE alerts SET updated_at = now() FROM owed WHERE alerts.id = owed.id
    RETURNING uuid, request_id AS "requestId", store, traceparent`;
}
