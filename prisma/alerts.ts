import type { Database } from './client.ts';
import type { Alert, Prisma } from './generated/client.ts';
import type { AlertStatus, FailureCode } from './generated/enums.ts';

export type { Alert } from './generated/client.ts';

export type NewAlert = Pick<Alert, 'uuid' | 'video' | 'store' | 'timestamp' | 'requestId'>;

/** The right to write the result of one attempt: void as soon as a later claim raises the number. */
export type Lease = { uuid: string; attempt: number };

export type Claim = { kind: 'claimed'; alert: Alert } | { kind: 'final'; alert: Alert } | { kind: 'unknown' };

export type Resolution = Pick<
  Alert,
  'resolution' | 'width' | 'height' | 'rotation' | 'codec' | 'container' | 'duration'
>;

/** The fault lies with the video server or the way to it: trying again may help. All other codes are permanent. */
export const RETRYABLE_CODES: ReadonlySet<FailureCode> = new Set([
  'video_server_error',
  'video_server_unreachable',
  'video_timeout',
]);

const FINAL: AlertStatus[] = ['processed', 'failed'];

/** Stores the alert as pending, or finds the row that has its uuid: of two at once, one is `created`. */
export async function addPending(db: Database, alert: NewAlert): Promise<{ created: boolean; alert: Alert }> {
  const [created] = await db.alert.createManyAndReturn({ data: [alert], skipDuplicates: true });
  if (created) return { created: true, alert: created };
  return { created: false, alert: await db.alert.findUniqueOrThrow({ where: { uuid: alert.uuid } }) };
}

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
  const where = whereOf(filter);
  if (page.after) {
    const { receivedAt, id } = page.after;
    // `lte` beside the row comparison lets the index start at the cursor: OR alone would scan from the top.
    where.AND = [{ receivedAt: { lte: receivedAt } }, { OR: [{ receivedAt: { lt: receivedAt } }, { id: { lt: id } }] }];
  }
  return db.alert.findMany({ where, orderBy: [{ receivedAt: 'desc' }, { id: 'desc' }], take: page.limit });
}

function whereOf(filter: AlertFilter): Prisma.AlertWhereInput {
  const where: Prisma.AlertWhereInput = {};
  const store: Prisma.StringFilter = {};
  if (filter.store !== undefined) store.equals = filter.store;
  if (filter.stores !== undefined) store.in = [...filter.stores];
  where.store = store;
  if (filter.status !== undefined) where.status = filter.status;
  if (filter.failureCode !== undefined) where.failureCode = filter.failureCode;
  const received: Prisma.DateTimeFilter = {};
  if (filter.from) received.gte = filter.from;
  if (filter.to) received.lt = filter.to;
  where.receivedAt = received;
  return where;
}

/**
 * Takes an open alert for one more attempt; whoever held it before can write no more. One that was still held counts
 * as a crash: its holder vanished.
 */
export async function claim(db: Database, uuid: string): Promise<Claim> {
  const attempt = { status: 'processing', attempts: { increment: 1 }, startedAt: new Date() } as const;
  const [pending] = await db.alert.updateManyAndReturn({ where: { uuid, status: 'pending' }, data: attempt });
  if (pending) return { kind: 'claimed', alert: pending };
  const [held] = await db.alert.updateManyAndReturn({
    where: { uuid, status: 'processing' },
    data: { ...attempt, crashes: { increment: 1 } },
  });
  if (held) return { kind: 'claimed', alert: held };
  const alert = await findAlert(db, uuid);
  if (!alert) return { kind: 'unknown' };
  // Open after all: its holder gave it back between the two updates, which both missed it so.
  return FINAL.includes(alert.status) ? { kind: 'final', alert } : claim(db, uuid);
}

/** Returns the finished row, or null where another attempt was first: then nothing changed. */
export async function recordResolution(
  db: Database,
  lease: Lease,
  resolution: Resolution,
  bytesFetched: number,
): Promise<Alert | null> {
  return writeAs(db, lease, { ...resolution, status: 'processed', processedAt: new Date() }, bytesFetched);
}

/** Returns the finished row, or null where another attempt was first: then nothing changed. */
export async function recordFailure(
  db: Database,
  lease: Lease,
  failure: { code: FailureCode; detail: string },
  bytesFetched: number,
): Promise<Alert | null> {
  return writeAs(
    db,
    lease,
    { status: 'failed', failureCode: failure.code, failureDetail: failure.detail, processedAt: new Date() },
    bytesFetched,
  );
}

/** Gives an alert back for another attempt. An `unused` one, broken off by us, is not counted. */
export async function release(
  db: Database,
  lease: Lease,
  bytesFetched: number,
  options: { unused: boolean },
): Promise<void> {
  // Lowering the fencing token is safe here alone: it is the last write of the only holder of this number.
  const data = options.unused ? { attempts: { decrement: 1 } } : {};
  await writeAs(db, lease, { ...data, status: 'pending' }, bytesFetched);
}

/** Which failed alerts an operator's retry is meant for. */
export type FailedFilter = Pick<AlertFilter, 'store' | 'stores' | 'failureCode' | 'from' | 'to'>;

/** How many failed alerts match, and at most `limit` of them, the longest failed first. */
export async function findFailed(
  db: Database,
  filter: FailedFilter,
  limit: number,
): Promise<{ matched: number; uuids: string[] }> {
  // A failed row has a code: said so, as the index holds just those.
  const where = { AND: [whereOf({ ...filter, status: 'failed' }), { failureCode: { not: null } }] };
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
export async function retryFailed(db: Database, uuids: string[]): Promise<Pick<Alert, 'uuid' | 'requestId'>[]> {
  return db.$queryRaw<Pick<Alert, 'uuid' | 'requestId'>[]>`
    UPDATE alerts SET status = 'pending', attempts_before = attempts, crashes = 0, failure_code = NULL, failure_detail = NULL,
      processed_at = NULL, notified_at = NULL, updated_at = now()
    WHERE uuid = ANY(${uuids}::uuid[]) AND status = 'failed' RETURNING uuid::text, request_id AS "requestId"`;
}

/** Returns false where the notification was already marked, or the alert is not final. */
export async function markNotified(db: Database, uuid: string): Promise<boolean> {
  const { count } = await db.alert.updateMany({
    where: { uuid, status: { in: FINAL }, notifiedAt: null },
    data: { notifiedAt: new Date() },
  });
  return count === 1;
}

/**
 * At most `limit` alerts that still owe work or a notification and were last touched over `quietMs` ago, the longest
 * untouched first. Touches them, so that no other caller gets them for as long.
 */
export async function takeOwed(
  db: Database,
  options: { quietMs: number; limit: number },
): Promise<Pick<Alert, 'uuid' | 'requestId'>[]> {
  // MATERIALIZED: a join that reads the rows twice would skip those it has locked itself, and take others instead.
  return db.$queryRaw<Pick<Alert, 'uuid' | 'requestId'>[]>`
    WITH owed AS MATERIALIZED (
      SELECT id FROM alerts
      WHERE notified_at IS NULL AND updated_at < now() - make_interval(secs => ${options.quietMs / 1000})
      ORDER BY updated_at LIMIT ${options.limit} FOR UPDATE SKIP LOCKED)
    UPDATE alerts SET updated_at = now() FROM owed WHERE alerts.id = owed.id
    RETURNING uuid, request_id AS "requestId"`;
}

async function writeAs(
  db: Database,
  lease: Lease,
  data: Prisma.AlertUpdateManyMutationInput,
  bytesFetched: number,
): Promise<Alert | null> {
  const [written] = await db.alert.updateManyAndReturn({
    where: { uuid: lease.uuid, attempts: lease.attempt, status: 'processing' },
    data: { ...data, bytesFetched: { increment: bytesFetched } },
  });
  return written ?? null;
}
