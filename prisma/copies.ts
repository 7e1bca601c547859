import type { Database } from './client.ts';
import type { Alert, Copy } from './generated/client.ts';
import { Prisma } from './generated/client.ts';

export type { Copy } from './generated/client.ts';

/** A claimed copy: the right to make it, and to write the result until another claim. */
export type ClaimedCopy = {
  alertId: bigint;
  archive: boolean;
  /** The fencing token. It never repeats. */
  attempts: number;
  /** The number of this attempt since the last request, without released ones: 1 for the first. */
  attempt: number;
  alert: Pick<Alert, 'uuid' | 'video' | 'store' | 'source' | 'codec' | 'container' | 'duration' | 'rotation'>;
};

type Claim = Pick<ClaimedCopy, 'alertId' | 'attempts'>;

export async function findCopy(db: Database, alertId: bigint): Promise<Copy | null> {
  return db.copy.findUnique({ where: { alertId } });
}

/** The columns of a copy that is requested again. Its file remains until another one replaces it. */
export const AGAIN = Prisma.sql`status = 'pending', progress = 0, next_attempt_at = now(), requested_at = now(),
  attempts_before = copies.attempts, reason = NULL, detail = NULL, finished_at = NULL`;

/**
 * Requests the copy of an alert. One that is ready or pending stays as it is, except that a pending copy for the archive
 * is now the first of these. One that could not be made is pending again. With `lost`, a copy that is ready, too: its file
 * does not exist.
 */
export async function requestCopy(db: Database, alertId: bigint, { lost = false } = {}): Promise<Copy> {
  await db.$executeRaw`
    INSERT INTO copies (alert_id) VALUES (${alertId}) ON CONFLICT (alert_id) DO UPDATE SET ${AGAIN}, last_used_at = now()
    WHERE copies.status = 'none' OR (copies.status = 'ready' AND ${lost}::bool)`;
  // Workers take the copies for the archive by this time, after all others.
  await db.$executeRaw`
    UPDATE copies SET next_attempt_at = to_timestamp(0)
    WHERE alert_id = ${alertId} AND archive AND status = 'pending' AND next_attempt_at <= now()`;
  return db.copy.findUniqueOrThrow({ where: { alertId } });
}

/** Claims a due copy for `leaseMs`; then it is due again. Those for the archive come last. */
export async function claimCopy(db: Database, leaseMs: number): Promise<ClaimedCopy | undefined> {
  const [row] = await db.$queryRaw<(Omit<ClaimedCopy, 'alert'> & ClaimedCopy['alert'])[]>`
    WITH due AS MATERIALIZED (
      SELECT alert_id FROM copies WHERE status = 'pending' AND next_attempt_at <= now()
      ORDER BY archive, next_attempt_at, alert_id LIMIT 1 FOR UPDATE SKIP LOCKED)
    UPDATE copies SET attempts = copies.attempts + 1, progress = 0,
      next_attempt_at = now() + make_interval(secs => ${leaseMs / 1_000}::float8)
    FROM due JOIN alerts ON alerts.id = due.alert_id WHERE copies.alert_id = due.alert_id
    RETURNING copies.alert_id AS "alertId", archive, copies.attempts, copies.attempts - copies.attempts_before AS attempt,
      alerts.uuid::text, video, store, source, codec, container, duration, rotation`;
  if (!row) return undefined;
  const { alertId, archive, attempts, attempt, ...alert } = row;
  return { alertId, archive, attempts, attempt, alert };
}

/** Extends the lease. Returns false after another claim, or if the alert was deleted: the copy must not be continued. */
export async function renewCopy(
  db: Database,
  claimed: Claim,
  { leaseMs, progress }: { leaseMs: number; progress: number },
): Promise<boolean> {
  return update(
    db,
    claimed,
    Prisma.sql`progress = ${Math.min(1, Math.max(0, progress))}::float8,
      next_attempt_at = now() + make_interval(secs => ${leaseMs / 1_000}::float8)`,
  );
}

/** The file of a copy; `sha256` is hexadecimal. */
export type CopyFile = { sha256: string; width: number; height: number; bytes: number };

/** `recorded` false: another claim was first, and nothing changed. `unused`: the file before, if no row has it any longer. */
export type RecordedCopy = { recorded: boolean; unused: string | undefined };

/** Records that the copy is ready. */
export async function recordCopy(db: Database, claimed: Claim, file: CopyFile): Promise<RecordedCopy> {
  const { sha256, width, height, bytes } = file;
  return record(
    db,
    claimed,
    sha256,
    Prisma.sql`status = 'ready', sha256 = decode(${sha256}, 'hex'), width = ${width}::int, height = ${height}::int,
      bytes = ${bytes}::bigint, progress = 1, reason = NULL, detail = NULL, last_used_at = now()`,
  );
}

/** Records that there is no copy, and why. */
export async function recordNoCopy(
  db: Database,
  claimed: Claim,
  { reason, detail }: { reason: string; detail: string },
): Promise<RecordedCopy> {
  const text = detail.slice(0, 1_000).replaceAll('\0', '\ufffd').toWellFormed();
  return record(
    db,
    claimed,
    null,
    Prisma.sql`status = 'none', reason = ${reason}, detail = ${text}, progress = 0, sha256 = NULL, width = NULL,
      height = NULL, bytes = NULL`,
  );
}

async function record(db: Database, claimed: Claim, sha256: string | null, set: Prisma.Sql): Promise<RecordedCopy> {
  const [row] = await db.$queryRaw<{ unused: string | null }[]>`
    WITH before AS MATERIALIZED (
      SELECT alert_id, sha256 FROM copies
      WHERE alert_id = ${claimed.alertId} AND attempts = ${claimed.attempts}::int AND status = 'pending' FOR UPDATE),
    changed AS (
      UPDATE copies SET ${set}, finished_at = now(), next_attempt_at = now() FROM before
      WHERE copies.alert_id = before.alert_id RETURNING copies.alert_id)
    SELECT (SELECT encode(before.sha256, 'hex') WHERE before.sha256 IS DISTINCT FROM decode(${sha256}, 'hex')
      AND NOT EXISTS (SELECT FROM copies other WHERE other.sha256 = before.sha256 AND other.alert_id <> before.alert_id)
    ) AS unused
    FROM changed JOIN before ON changed.alert_id = before.alert_id`;
  return { recorded: row !== undefined, unused: row?.unused ?? undefined };
}

/** Lets a copy that failed for now be due again after `delayMs`. Returns false after another claim. */
export async function retryCopy(db: Database, claimed: Claim, delayMs: number): Promise<boolean> {
  return update(
    db,
    claimed,
    Prisma.sql`progress = 0, next_attempt_at = now() + make_interval(secs => ${delayMs / 1_000}::float8)`,
  );
}

/** Gives a claimed copy back: it is due at once, and the attempt does not count. Returns false after another claim. */
export async function releaseCopy(db: Database, claimed: Claim): Promise<boolean> {
  return update(db, claimed, Prisma.sql`progress = 0, next_attempt_at = now(), attempts_before = attempts_before + 1`);
}

async function update(db: Database, { alertId, attempts }: Claim, set: Prisma.Sql): Promise<boolean> {
  const changed = await db.$executeRaw`
    UPDATE copies SET ${set} WHERE alert_id = ${alertId} AND attempts = ${attempts}::int AND status = 'pending'`;
  return changed === 1;
}

/** Records the use of a copy, at most once a minute. */
export async function touchCopy(db: Database, alertId: bigint): Promise<void> {
  await db.$executeRaw`
    UPDATE copies SET last_used_at = now() WHERE alert_id = ${alertId} AND last_used_at < now() - interval '1 minute'`;
}

/**
 * Deletes the copies that were not used for longest, until the others have at most `maxBytes` in all. Copies for the
 * archive neither count nor are deleted. Returns the number, and the names of the files that no copy has any longer.
 */
export async function evictCopies(db: Database, maxBytes: number): Promise<{ evicted: number; unused: string[] }> {
  const rows = await db.$queryRaw<{ sha256: string; isUsed: boolean }[]>`
    WITH cached AS MATERIALIZED (
      SELECT alert_id, last_used_at, sum(bytes) OVER (ORDER BY last_used_at DESC, alert_id DESC) AS total
      FROM copies WHERE status = 'ready' AND NOT archive),
    evicted AS (
      DELETE FROM copies USING cached
      WHERE total > ${maxBytes}::bigint AND copies.alert_id = cached.alert_id AND status = 'ready' AND NOT archive
        -- Not if it was used since.
        AND copies.last_used_at = cached.last_used_at
      RETURNING copies.alert_id, sha256)
    SELECT encode(sha256, 'hex') AS sha256, EXISTS (SELECT FROM copies other WHERE other.sha256 = evicted.sha256
      AND other.alert_id NOT IN (SELECT alert_id FROM evicted)) AS "isUsed"
    FROM evicted`;
  const unused = new Set(rows.filter(({ isUsed }) => !isUsed).map(({ sha256 }) => sha256));
  return { evicted: rows.length, unused: [...unused] };
}

/** `pending`, `pendingArchive`: at most 10,001. `cacheBytes`: of the copies that can be deleted to make space. */
type CopyCounts = { pending: number; pendingArchive: number; oldestPendingAt: Date | null; cacheBytes: number };

export async function countCopies(db: Database): Promise<CopyCounts> {
  const [row] = await db.$queryRaw<CopyCounts[]>`
    SELECT (SELECT count(*)::int FROM (SELECT FROM copies WHERE status = 'pending' AND NOT archive LIMIT 10001) each) AS pending,
      (SELECT count(*)::int FROM (SELECT FROM copies WHERE status = 'pending' AND archive LIMIT 10001) each)
        AS "pendingArchive",
      (SELECT min(requested_at) FROM copies WHERE status = 'pending' AND NOT archive) AS "oldestPendingAt",
      (SELECT COALESCE(sum(bytes), 0)::float8 FROM copies WHERE status = 'ready' AND NOT archive) AS "cacheBytes"`;
  return row ?? { pending: 0, pendingArchive: 0, oldestPendingAt: null, cacheBytes: 0 };
}
