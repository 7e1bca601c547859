import type { Database, Transaction } from './client.ts';
import { firstOfStores } from './first-of-stores.ts';
import { type Delivery, type Destination, Prisma } from './generated/client.ts';
import type { FailureCode } from './generated/enums.ts';

/** One attempt. `status`: of the response. */
export type DeliveryAttempt = { at: string; status: number | null; error: string | null; ms: number };

/** A delivery with the names that the API shows. */
export type DeliveryRow = Omit<Delivery, 'snapshot' | 'history' | 'alertId'> & {
  /** The uuid of the alert. */
  alert: string | null;
  destination: Pick<Destination, 'id' | 'name' | 'kind'>;
  history: DeliveryAttempt[];
};

export type DeliveryFilter = {
  destination?: string | undefined;
  /** The uuid of an alert. */
  alert?: string | undefined;
  status?: Delivery['status'] | undefined;
  failureCode?: FailureCode | undefined;
  /** Limits the result to these stores; undefined: all. */
  stores?: readonly string[] | undefined;
  /** Created at or after this time. */
  from?: Date | undefined;
  /** Created before this time. */
  to?: Date | undefined;
};

export type DeliveryCursor = Pick<Delivery, 'createdAt' | 'id'>;

/** Returns at most `limit` deliveries after the cursor, newest first. */
export async function listDeliveries(
  db: Database,
  filter: DeliveryFilter,
  page: { limit: number; after?: DeliveryCursor | undefined },
): Promise<DeliveryRow[]> {
  const { stores } = filter;
  if (stores === undefined || stores.length < 2) return pageOf(db, filter, page);
  const ofStore = (store: string) => pageOf(db, { ...filter, stores: [store] }, page);
  return firstOfStores(stores, { limit: page.limit, ofStore, compare: newestFirst });
}

function newestFirst(a: DeliveryCursor, b: DeliveryCursor): number {
  return b.createdAt.getTime() - a.createdAt.getTime() || (a.id < b.id ? 1 : -1);
}

function pageOf(db: Database, filter: DeliveryFilter, page: { limit: number; after?: DeliveryCursor | undefined }) {
  const { after } = page;
  const conditions = conditionsOf(filter);
  if (after) {
    conditions.push(Prisma.sql`created_at <= ${after.createdAt}::timestamptz`);
    conditions.push(Prisma.sql`(created_at, id) < (${after.createdAt}::timestamptz, ${after.id}::uuid)`);
  }
  return select(
    db,
    Prisma.sql`SELECT * FROM deliveries WHERE ${Prisma.join(conditions, ' AND ')}
      ORDER BY created_at DESC, id DESC LIMIT ${page.limit}::int`,
  );
}

export async function findDelivery(db: Database, id: string): Promise<DeliveryRow | null> {
  const [row] = await select(db, Prisma.sql`SELECT * FROM deliveries WHERE id = ${id}::uuid`);
  return row ?? null;
}

type SelectedRow = Omit<DeliveryRow, 'destination'> & { name: string; kind: Destination['kind'] };

async function select(db: Database, page: Prisma.Sql): Promise<DeliveryRow[]> {
  const rows = await db.$queryRaw<SelectedRow[]>`
    SELECT page.id::text, destination_id::text AS "destinationId", destinations.name, destinations.kind::text,
      alerts.uuid::text AS alert, event, page.store, page.failure_code::text AS "failureCode", page.status::text,
      page.attempts, page.attempts_before AS "attemptsBefore", page.next_attempt_at AS "nextAttemptAt",
      message_id::text AS "messageId", mute_id::text AS "muteId", response_status AS "responseStatus",
      response_body AS "responseBody", page.last_error AS "lastError", history, page.created_at AS "createdAt",
      page.delivered_at AS "deliveredAt"
    FROM (${page}) page JOIN destinations ON destinations.id = destination_id LEFT JOIN alerts ON alerts.id = alert_id
    ORDER BY page.created_at DESC, page.id DESC`;
  return rows.map(({ name, kind, ...row }) => ({ ...row, destination: { id: row.destinationId, name, kind } }));
}

/** In the terms of the partial indexes: a status is a literal, since a parameter does not imply their condition. */
const STATUS = {
  pending: Prisma.sql`status = 'pending' AND status <> 'delivered'`,
  failed: Prisma.sql`status = 'failed' AND status <> 'delivered'`,
  muted: Prisma.sql`status = 'muted' AND status <> 'delivered'`,
  delivered: Prisma.sql`status = 'delivered'`,
} as const satisfies Record<Delivery['status'], Prisma.Sql>;

function conditionsOf({ destination, alert, status, failureCode, stores, from, to }: DeliveryFilter): Prisma.Sql[] {
  const conditions = [Prisma.sql`true`];
  if (destination !== undefined) conditions.push(Prisma.sql`destination_id = ${destination}::uuid`);
  if (alert !== undefined) {
    conditions.push(Prisma.sql`alert_id = (SELECT id FROM alerts WHERE uuid = ${alert}::uuid)`);
  }
  if (status !== undefined) conditions.push(STATUS[status]);
  if (failureCode !== undefined) conditions.push(Prisma.sql`failure_code = ${failureCode}::failure_code`);
  if (stores?.length === 1) conditions.push(Prisma.sql`store = ${stores[0]}`);
  else if (stores !== undefined) conditions.push(Prisma.sql`store = ANY (${[...stores]}::text[])`);
  if (from) conditions.push(Prisma.sql`created_at >= ${from}::timestamptz`);
  if (to) conditions.push(Prisma.sql`created_at < ${to}::timestamptz`);
  return conditions;
}

/** The number of matching deliveries is counted up to this. */
export const MAX_MATCHED = 100_001;

/**
 * Sets up to `max` failed deliveries that match to pending, oldest first, `ratePerS` per second, with a new round of
 * attempts. `matched` is at most MAX_MATCHED. With `dryRun` nothing changes, and `retried` is what would be.
 */
export async function retryDeliveries(
  db: Pick<Database | Transaction, '$queryRaw' | '$executeRaw'>,
  filter: Omit<DeliveryFilter, 'status'>,
  { max, ratePerS, dryRun }: { max: number; ratePerS: number; dryRun: boolean },
): Promise<{ matched: number; retried: number }> {
  const failed = Prisma.join(conditionsOf({ ...filter, status: 'failed' }), ' AND ');
  const [counted] = await db.$queryRaw<{ n: number }[]>`
    SELECT count(*)::int AS n FROM (SELECT FROM deliveries WHERE ${failed} ORDER BY created_at, id LIMIT ${MAX_MATCHED}::int) limited`;
  const matched = counted?.n ?? 0;
  if (dryRun) return { matched, retried: Math.min(matched, max) };
  // A part of a message may match: the deliveries are sent alone, or form a new message.
  const retried = await db.$executeRaw`
    WITH failed AS MATERIALIZED (
      SELECT id, created_at FROM deliveries WHERE ${failed} ORDER BY created_at, id LIMIT ${max}::int FOR UPDATE),
    numbered AS (SELECT id, row_number() OVER (ORDER BY created_at, id) AS n FROM failed)
    UPDATE deliveries SET status = 'pending', attempts_before = attempts, message_id = NULL,
      next_attempt_at = now() + make_interval(secs => (n - 1) / ${ratePerS}::float8)
    FROM numbered WHERE deliveries.id = numbered.id`;
  return { matched, retried };
}

/**
 * Sets a failed delivery to pending, due at once, with a new round of attempts; of a grouped one, its whole message. Returns
 * false, and changes nothing, if it has not failed.
 */
export async function retryDelivery(db: Pick<Database | Transaction, '$executeRaw'>, id: string): Promise<boolean> {
  const changed = await db.$executeRaw`
    WITH failed AS MATERIALIZED (
      SELECT id FROM deliveries
      WHERE status = 'failed' AND (id = ${id}::uuid OR message_id = (SELECT message_id FROM deliveries
        WHERE id = ${id}::uuid AND status = 'failed'))
      ORDER BY id FOR UPDATE)
    UPDATE deliveries SET status = 'pending', attempts_before = attempts, next_attempt_at = now()
    FROM failed WHERE deliveries.id = failed.id`;
  return changed > 0;
}
