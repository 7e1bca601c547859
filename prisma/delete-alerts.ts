import type { Database, Transaction } from './client.ts';
import { DatabaseError } from './errors.ts';
import { Prisma } from './generated/client.ts';
import { filesWithoutRow } from './media-files.ts';

type MediaKind = 'picture' | 'copy';
type Queries = Pick<Database | Transaction, '$queryRaw'>;

/** `files`: the SHA-256 of the pictures and copies that the alerts had. Other alerts may have the same: see removeUnusedFiles. */
export type DeletedAlerts = { uuids: string[]; files: Record<MediaKind, string[]> };

/** An alert as it was when it was selected: one that has been updated since is not deleted. */
export type Candidate = { id: bigint; updatedAt: Date };

/** SQLSTATE of a foreign key, from PostgreSQL 18 and before. The only one that can reject a deletion is that of a hold. */
const HELD = new Set(['23001', '23503']);

/**
 * Deletes those of the alerts that are final and notified, unchanged, not held, and not locked just now, with everything that
 * belongs to them. One that a destination still has to be sent is not deleted, unless that destination is disabled.
 */
export async function deleteFinished(db: Database, candidates: readonly Candidate[]): Promise<DeletedAlerts> {
  const ids = candidates.map(({ id }) => id);
  const times = candidates.map(({ updatedAt }) => updatedAt.toISOString());
  const run = () =>
    deleteWhere(
      db,
      Prisma.sql`
        SELECT alerts.id FROM alerts JOIN unnest(${ids}::bigint[], ${times}::timestamptz[]) AS candidate (id, updated_at)
          ON alerts.id = candidate.id AND alerts.updated_at = candidate.updated_at
        WHERE status IN ('processed', 'failed') AND notified_at IS NOT NULL
          AND NOT EXISTS (SELECT FROM holds WHERE alert_id = alerts.id)
          AND NOT EXISTS (
            SELECT FROM deliveries JOIN destinations ON destinations.id = destination_id
            WHERE alert_id = alerts.id AND deliveries.status = 'pending' AND enabled AND deleted_at IS NULL)
        ORDER BY alerts.id FOR UPDATE OF alerts SKIP LOCKED`,
    );
  try {
    return await run();
  } catch (error) {
    // Held after the statement began, which does not see the hold; the next one does.
    if (!isHeld(error)) throw error;
    return run();
  }
}

/** `processing`: a worker holds the alert. Its lease would also be valid for a new alert with the same uuid. */
export type Deletion = ({ kind: 'deleted' } & DeletedAlerts) | { kind: 'held' | 'processing' | 'unknown' };

/**
 * Deletes an alert in any state but `processing`, unless it is held. A job that it has in the queue finds no row and ends.
 * Unknown: it does not exist, or its store is none of `stores`.
 */
export async function deleteAlert(db: Queries, uuid: string, stores?: readonly string[]): Promise<Deletion> {
  const mayDelete = Prisma.sql`uuid = ${uuid}::uuid AND (${stores ?? null}::text[] IS NULL OR store = ANY (${stores ?? null}::text[]))`;
  try {
    const deleted = await deleteWhere(
      db,
      Prisma.sql`
        SELECT id FROM alerts WHERE ${mayDelete} AND status <> 'processing'
          AND NOT EXISTS (SELECT FROM holds WHERE alert_id = alerts.id) FOR UPDATE`,
    );
    if (deleted.uuids.length > 0) return { kind: 'deleted', ...deleted };
  } catch (error) {
    if (isHeld(error)) return { kind: 'held' };
    throw error;
  }
  const [row] = await db.$queryRaw<{ held: boolean }[]>`
    SELECT EXISTS (SELECT FROM holds WHERE alert_id = alerts.id) AS held FROM alerts WHERE ${mayDelete}`;
  if (!row) return { kind: 'unknown' };
  return { kind: row.held ? 'held' : 'processing' };
}

/**
 * Plans of foreign keys are prepared, and openDatabase lets each execution make a new plan: eight per alert, which takes two
 * thirds of the deletion. The setting ends with the statement, after its foreign keys were followed.
 */
const KEEP_PLANS = Prisma.sql`(SELECT set_config('plan_cache_mode', 'auto', true))`;

/** Deletes the alerts with these ids, which the query locks. Deliveries, pictures and so on are deleted by their foreign keys. */
async function deleteWhere(db: Queries, lockedIds: Prisma.Sql): Promise<DeletedAlerts> {
  const [row] = await db.$queryRaw<{ uuids: string[]; pictures: string[]; copies: string[] }[]>`
    WITH locked AS MATERIALIZED (${lockedIds}),
    deleted AS (DELETE FROM alerts USING locked WHERE alerts.id = locked.id RETURNING uuid)
    SELECT (SELECT COALESCE(array_agg(uuid::text), '{}') FROM deleted) AS uuids,
      ${filesOf('pictures')} AS pictures, ${filesOf('copies')} AS copies, ${KEEP_PLANS} AS plans`;
  return { uuids: row?.uuids ?? [], files: { picture: row?.pictures ?? [], copy: row?.copies ?? [] } };
}

/** Reads the rows as they were before the statement, which deletes them. */
function filesOf(table: 'pictures' | 'copies'): Prisma.Sql {
  return Prisma.sql`(SELECT COALESCE(array_agg(DISTINCT encode(sha256, 'hex')), '{}') FROM ${Prisma.raw(table)}
    WHERE alert_id IN (SELECT id FROM locked) AND sha256 IS NOT NULL)`;
}

function isHeld(error: unknown): boolean {
  return error instanceof DatabaseError && HELD.has(error.code);
}

/**
 * Removes those of the files that no row refers to, and returns their number. Call it after the deletion: what a kill leaves
 * behind, the hourly check removes. The same picture that another alert gets at this moment is made again by that check.
 */
export async function removeUnusedFiles(
  db: Database,
  store: { remove(kind: MediaKind, sha256: string): Promise<void> },
  files: DeletedAlerts['files'],
): Promise<number> {
  let removed = 0;
  for (const kind of ['picture', 'copy'] as const) {
    for (let start = 0; start < files[kind].length; start += CONCURRENCY) {
      const unused = await filesWithoutRow(db, kind, files[kind].slice(start, start + CONCURRENCY));
      await Promise.all(unused.map((sha256) => store.remove(kind, sha256)));
      removed += unused.length;
    }
  }
  return removed;
}

/** Files that are removed at the same time: an S3 bucket needs a request for each. */
const CONCURRENCY = 16;
