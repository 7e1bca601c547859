import type { Database } from './client.ts';
import type { Alert } from './generated/client.ts';
import { Prisma } from './generated/client.ts';
import { WAIT_S } from './picture-times.ts';

/** A claimed picture: the right to write it until another claim, and what is needed to make it. */
export type ClaimedPicture = Pick<Alert, 'uuid' | 'video' | 'store' | 'source'> & {
  alertId: bigint;
  /** The number of the claim. The fencing token: it never repeats. */
  attempts: number;
  /** Attempts that failed. */
  failures: number;
  /** Claims since the last attempt that ended, this one included. */
  crashes: number;
} & { [Name in 'resolution' | 'codec' | 'container']: string } & {
  width: number;
  height: number;
  rotation: number;
  duration: number | null;
};

/** The end of an attempt. `fetched`: the body bytes that it has read in addition to those of the alert. */
type Attempt = Pick<ClaimedPicture, 'alertId' | 'attempts'>;
/** A code of media/reasons.ts, and one sentence. */
type Reason = { reason: string; detail: string };
type MadePicture = { sha256: Buffer; width: number; height: number; bytes: number };

/** Claims the picture of an alert that was just processed. Returns undefined if another worker has claimed it. */
export async function claimPicture(
  db: Database,
  alertId: bigint,
  leaseMs: number,
): Promise<ClaimedPicture | undefined> {
  const condition = Prisma.sql`alert_id = ${alertId} AND attempts = 0`;
  return (await claim(db, condition, 1, leaseMs))[0];
}

/** Claims up to `limit` due pictures, oldest due first, each for `leaseMs`; then they are due again. */
export async function claimPictures(
  db: Database,
  { limit, leaseMs }: { limit: number; leaseMs: number },
): Promise<ClaimedPicture[]> {
  return claim(db, Prisma.sql`next_attempt_at <= now()`, limit, leaseMs);
}

async function claim(db: Database, due: Prisma.Sql, limit: number, leaseMs: number): Promise<ClaimedPicture[]> {
  return db.$queryRaw<ClaimedPicture[]>`
    WITH due AS MATERIALIZED (
      SELECT alert_id, next_attempt_at AS due_at FROM pictures WHERE status = 'pending' AND ${due}
      ORDER BY next_attempt_at, alert_id LIMIT ${limit}::int FOR UPDATE SKIP LOCKED),
    claimed AS (
      UPDATE pictures SET attempts = attempts + 1, crashes = crashes + 1,
        next_attempt_at = now() + make_interval(secs => ${leaseMs / 1_000}::float8)
      FROM due WHERE pictures.alert_id = due.alert_id
      RETURNING pictures.alert_id, pictures.attempts, failures, crashes, due_at)
    SELECT alert_id AS "alertId", claimed.attempts, failures, claimed.crashes,
      uuid::text, video, store, source, resolution, width, height, rotation,
      codec, container, duration
    FROM claimed JOIN alerts ON id = alert_id ORDER BY due_at, alert_id`;
}

/** `recorded` false: another claim was made since, and nothing changed. `destinations`: those whose delivery waited for it. */
type RecordedPicture = { recorded: boolean; destinations: string[] };

/** Records that the picture is ready. */
export async function pictureReady(
  db: Database,
  claimed: Attempt,
  { sha256, width, height, bytes }: MadePicture,
  fetched: number,
): Promise<RecordedPicture> {
  const set = Prisma.sql`status = 'ready', reason = NULL, detail = NULL, sha256 = ${sha256}, width = ${width}::int,
    height = ${height}::int, bytes = ${bytes}::int, finished_at = now()`;
  return finish(db, claimed, set, fetched);
}

/** Records why there is no picture. */
export async function pictureNone(
  db: Database,
  claimed: Attempt,
  { reason, detail }: Reason,
  fetched: number,
): Promise<RecordedPicture> {
  return finish(
    db,
    claimed,
    Prisma.sql`status = 'none', reason = ${reason}, detail = ${detail}, finished_at = now()`,
    fetched,
  );
}

/** Records the result, and makes the deliveries due that wait for it. */
async function finish(db: Database, claimed: Attempt, set: Prisma.Sql, fetched: number): Promise<RecordedPicture> {
  const rows = await db.$queryRaw<{ destination: string | null }[]>`
    WITH finished AS (
      UPDATE pictures SET ${set}, crashes = 0, picture_bytes = picture_bytes + ${fetched}::bigint WHERE ${isHeldBy(claimed)}
      RETURNING alert_id),
    due AS (
      UPDATE deliveries SET next_attempt_at = now() FROM finished
      WHERE deliveries.alert_id = finished.alert_id AND status = 'pending' AND attempts = 0
        AND next_attempt_at > now() AND next_attempt_at = deliveries.created_at + make_interval(secs => ${WAIT_S}::float8)
      RETURNING destination_id)
    SELECT destination_id::text AS destination FROM finished LEFT JOIN due ON true`;
  return { recorded: rows.length > 0, destinations: rows.flatMap(({ destination }) => destination ?? []) };
}

/**
 * Gives the picture back: it is due after `delayMs`. `failed`: the attempt counts. `reason` and `detail` say why it is late.
 * Returns false, and changes nothing, after another claim.
 */
export async function pictureLater(
  db: Database,
  claimed: Attempt,
  {
    delayMs,
    failed,
    reason,
    detail,
  }: { delayMs: number; failed: boolean; reason?: string | undefined; detail?: string | undefined },
  fetched: number,
): Promise<boolean> {
  const changed = await db.$executeRaw`
    UPDATE pictures SET next_attempt_at = now() + make_interval(secs => ${delayMs / 1_000}::float8),
      reason = ${reason ?? null}, detail = ${detail ?? null}, crashes = 0,
      failures = failures + ${failed ? 1 : 0}::int,
      picture_bytes = picture_bytes + ${fetched}::bigint
    WHERE ${isHeldBy(claimed)}`;
  return changed === 1;
}

function isHeldBy({ alertId, attempts }: Attempt): Prisma.Sql {
  return Prisma.sql`alert_id = ${alertId} AND attempts = ${attempts}::int AND status = 'pending'`;
}

/** Returns the number of pending pictures, at most 10,001, and when the oldest of those due first was inserted. */
export async function pendingPictures(db: Database): Promise<{ count: number; oldestAt: Date | null }> {
  const [row] = await db.$queryRaw<[{ count: number; oldestAt: Date | null }]>`
    SELECT count(*)::int AS count, min(created_at) AS "oldestAt" FROM (
      SELECT created_at FROM pictures WHERE status = 'pending' ORDER BY next_attempt_at, alert_id LIMIT 10001) pending`;
  return row;
}
