import type { Database } from './client.ts';
import type { Delivery } from './generated/client.ts';
import { Prisma } from './generated/client.ts';
import type { AlertSnapshot } from './present-alert.ts';
import type { SilenceSnapshot } from './silences.ts';

/** A claimed delivery: the right to send it, and to write the result until another claim. */
export type ClaimedDelivery = Pick<Delivery, 'id' | 'destinationId' | 'store' | 'failureCode' | 'createdAt'> & {
  event: string;
  /** The alert as it was at the event; null for events without an alert. */
  snapshot: AlertSnapshot | null;
  /** Only for store.silent and store.back. */
  silence: SilenceSnapshot | null;
  /** The fencing token. It never repeats. */
  attempts: number;
  /** The number of this attempt since the event or an operator's retry, without released ones: 1 for the first. */
  attempt: number;
  /** For the lead of a message: all deliveries that it contains, the lead among them. */
  group: MessageGroup | null;
};

/** `snapshots`: the oldest 100. `from`, `to`: when the first and last of them were created. */
export type MessageGroup = { count: number; from: Date; to: Date; snapshots: AlertSnapshot[] };

/** Returns the snapshot of a delivery, with the picture of a processed alert as it is now. See PictureRow. */
const withPicture = (delivery: string) =>
  Prisma.raw(`CASE WHEN ${delivery}.event = 'alert.processed' THEN ${delivery}.snapshot || jsonb_build_object('picture', (
    SELECT jsonb_build_object('status', status, 'reason', reason, 'detail', detail, 'width', width, 'height', height,
      'picture_bytes', picture_bytes, 'sha256', encode(sha256, 'hex'))
    FROM pictures WHERE pictures.alert_id = ${delivery}.alert_id)) ELSE ${delivery}.snapshot END`);

/** The condition of the index deliveries_due_idx. */
export const UNSENT = Prisma.raw(`status = 'pending' AND (message_id IS NULL OR message_id = id)`);

/** Events of alerts; others are never grouped. */
export const GROUPABLE = Prisma.raw(`event LIKE 'alert.%'`);

/**
 * Claims up to `limit` due deliveries of an enabled destination, oldest due first, each for `leaseMs`; then they are due
 * again. Claims nothing while its circuit breaker is open or was not closed by a success, except with `probe`: see
 * acquireProbe. Deliveries that wait for their group are not claimed: see formGroups.
 */
export async function claimDeliveries(
  db: Database,
  options: { destinationId: string; limit: number; leaseMs: number; probe?: boolean | undefined },
): Promise<ClaimedDelivery[]> {
  const { destinationId, limit, leaseMs, probe = false } = options;
  return claim(
    db,
    leaseMs,
    Prisma.sql`
      SELECT id, next_attempt_at FROM deliveries
      WHERE destination_id = ${destinationId}::uuid AND ${UNSENT} AND next_attempt_at <= now()
        AND (message_id IS NOT NULL OR NOT ${GROUPABLE}
          OR (SELECT group_by IS NULL FROM destinations WHERE id = ${destinationId}::uuid))
        AND EXISTS (SELECT FROM destinations
          WHERE id = ${destinationId}::uuid AND enabled AND (blocked_until IS NULL OR ${probe}::bool))
      ORDER BY next_attempt_at, id LIMIT ${limit}::int FOR UPDATE SKIP LOCKED`,
  );
}

/**
 * Claims this delivery, or the lead of its message, if it is due; also while its destination is disabled or blocked. For
 * deliveries that a person requested.
 */
export async function claimDelivery(db: Database, id: string, leaseMs: number): Promise<ClaimedDelivery | undefined> {
  const [claimed] = await claim(
    db,
    leaseMs,
    Prisma.sql`
      SELECT id, next_attempt_at FROM deliveries
      WHERE id = (SELECT COALESCE(message_id, id) FROM deliveries WHERE id = ${id}::uuid)
        AND status = 'pending' AND next_attempt_at <= now() FOR UPDATE SKIP LOCKED`,
  );
  return claimed;
}

type ClaimedRow = Omit<ClaimedDelivery, 'group' | 'silence' | 'snapshot'> & { members: number | null } & Omit<
    MessageGroup,
    'count'
  > & { snapshot: AlertSnapshot | SilenceSnapshot | null };

async function claim(db: Database, leaseMs: number, due: Prisma.Sql): Promise<ClaimedDelivery[]> {
  const rows = await db.$queryRaw<ClaimedRow[]>`
    WITH due AS MATERIALIZED (${due}),
    claimed AS (
      UPDATE deliveries SET attempts = attempts + 1,
        next_attempt_at = now() + make_interval(secs => ${leaseMs / 1000}::float8)
      FROM due WHERE deliveries.id = due.id
      RETURNING deliveries.*, due.next_attempt_at AS due_at)
    SELECT claimed.id::text, destination_id::text AS "destinationId", event, store, failure_code::text AS "failureCode",
      NULLIF(${withPicture('claimed')}, '{}') AS snapshot, attempts, attempts - attempts_before AS attempt, created_at AS "createdAt",
      members.count AS members, members.first AS from, members.last AS to, members.snapshots
    FROM claimed LEFT JOIN LATERAL (
      SELECT count(*)::int AS count, min(at) AS first, max(at) AS last,
        jsonb_agg(${withPicture('member')} ORDER BY n) FILTER (WHERE n <= 100) AS snapshots
      FROM (SELECT event, alert_id, snapshot, created_at AS at, row_number() OVER (ORDER BY created_at, id) AS n FROM deliveries
        WHERE message_id = claimed.id AND status = 'pending') member) members ON claimed.message_id = claimed.id
    ORDER BY due_at, claimed.id`;
  return rows.map(({ members, from, to, snapshots, snapshot, ...row }) => ({
    ...row,
    ...(isSilence(snapshot) ? { snapshot: null, silence: snapshot } : { snapshot, silence: null }),
    group: members === null ? null : { count: members, from, to, snapshots },
  }));
}

function isSilence(snapshot: AlertSnapshot | SilenceSnapshot | null): snapshot is SilenceSnapshot {
  return snapshot !== null && 'since' in snapshot;
}

/** The receiver's response. Texts are shortened: a body to 1 kB. */
export type DeliveryResponse = {
  responseStatus?: number | undefined;
  responseBody?: string | undefined;
  /** Duration of the attempt. */
  ms: number;
};

type Claim = Pick<ClaimedDelivery, 'id' | 'attempts'>;

/** Records that the delivery, and all others of its message, arrived. Returns false, and changes nothing, after another claim. */
export async function deliverySucceeded(db: Database, claimed: Claim, response: DeliveryResponse): Promise<boolean> {
  return record(db, claimed, { ...response, status: 'delivered' });
}

/**
 * Records a failed attempt: the delivery, and all others of its message, are due again after `nextAttemptInMs`, or have
 * failed if it is `final`. Returns false, and changes nothing, after another claim.
 */
export async function deliveryFailed(
  db: Database,
  claimed: Claim,
  result: DeliveryResponse & { error: string } & ({ nextAttemptInMs: number; final?: false } | { final: true }),
): Promise<boolean> {
  return record(db, claimed, { ...result, status: result.final ? 'failed' : 'pending' });
}

type AttemptResult = DeliveryResponse & {
  status: 'delivered' | 'failed' | 'pending';
  error?: string;
  nextAttemptInMs?: number;
};

async function record(db: Database, claimed: Claim, result: AttemptResult): Promise<boolean> {
  const { status, responseStatus = null, ms, nextAttemptInMs = 0 } = result;
  const error = shorten(result.error, 1_024);
  const set = Prisma.sql`status = ${status}::delivery_status, response_status = ${responseStatus}::int, last_error = ${error},
    delivered_at = CASE WHEN ${status} = 'delivered' THEN now() END, next_attempt_at = CASE WHEN ${status} = 'pending'
      THEN now() + make_interval(secs => ${nextAttemptInMs / 1000}::float8) ELSE now() END`;
  const recorded = await db.$queryRaw<unknown[]>`
    WITH lead AS (
      UPDATE deliveries SET ${set}, response_body = ${shorten(result.responseBody, 1_024)},
        history = (CASE WHEN jsonb_array_length(history) >= 20 THEN history - 0 ELSE history END) || jsonb_build_array(
          jsonb_build_object('at', now(), 'status', ${responseStatus}::int, 'error', ${error}::text, 'ms', ${ms}::float8))
      WHERE id = ${claimed.id}::uuid AND attempts = ${claimed.attempts}::int AND status = 'pending' RETURNING id, attempts),
    members AS (
      UPDATE deliveries SET ${set}, attempts = lead.attempts FROM lead
      WHERE message_id = lead.id AND deliveries.id <> lead.id AND status = 'pending')
    SELECT id FROM lead`;
  return recorded.length === 1;
}

/** Returns the text without NUL characters, which PostgreSQL rejects, and its first `bytes` bytes. */
function shorten(text: string | undefined, bytes: number): string | null {
  if (text === undefined) return null;
  const clean = Buffer.from(text.slice(0, bytes).replaceAll('\0', '\ufffd').toWellFormed(), 'utf8');
  return clean.length <= bytes
    ? clean.toString()
    : new TextDecoder().decode(clean.subarray(0, bytes), { stream: true });
}

/** Gives a claimed delivery back: it is due at once, and the attempt does not count. Returns false after another claim. */
export async function releaseDelivery(db: Database, claimed: Claim): Promise<boolean> {
  const changed = await db.$executeRaw`
    UPDATE deliveries SET next_attempt_at = now(), attempts_before = attempts_before + 1
    WHERE id = ${claimed.id}::uuid AND attempts = ${claimed.attempts}::int AND status = 'pending'`;
  return changed === 1;
}

/** Returns the enabled destinations that are not blocked and have a due delivery. */
export async function dueDestinations(db: Database): Promise<string[]> {
  const rows = await db.$queryRaw<{ id: string }[]>`
    SELECT destinations.id::text FROM destinations
    WHERE enabled AND (blocked_until IS NULL OR blocked_until <= now()) AND EXISTS (
      SELECT FROM deliveries WHERE destination_id = destinations.id AND ${UNSENT} AND next_attempt_at <= now())`;
  return rows.map(({ id }) => id);
}

/** Inserts a delivery of the event `test`, and returns its id; undefined if there is no such destination. */
export async function createTestDelivery(db: Database, destinationId: string): Promise<string | undefined> {
  const [row] = await db.$queryRaw<{ id: string }[]>`
    INSERT INTO deliveries (destination_id, event, snapshot)
    SELECT id, 'test', '{}' FROM destinations WHERE id = ${destinationId}::uuid AND deleted_at IS NULL FOR KEY SHARE RETURNING id::text`;
  return row?.id;
}
