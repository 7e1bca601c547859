import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '#prisma/client.ts';
import type { Truth } from './video-sets.ts';

/** A row as it stands at the end. `finalAt`: when its status' last change was committed, milliseconds since 1970. */
export type FoundRow = { uuid: string; resolution: string | null; bytes: number; finalAt: number };

const LOOK_MS = 50;
/** No row became final for so long: what is left will not. */
const STANDSTILL_MS = 20_000;

/** Waits until no row of the stores owes work or a notification, or nothing moves any more. Returns how many still do. */
export async function settle(database: Database, stores: string[], signal: AbortSignal): Promise<number> {
  let owed = Number.POSITIVE_INFINITY;
  for (let movedAt = Date.now(); Date.now() - movedAt < STANDSTILL_MS; await sleep(LOOK_MS, undefined, { signal })) {
    const [found] = await database.$queryRaw<{ n: number }[]>`
      SELECT count(*)::int AS n FROM alerts WHERE notified_at IS NULL AND store = ANY(${stores})`;
    const left = found?.n ?? 0;
    if (left === 0) return 0;
    if (left < owed) movedAt = Date.now();
    owed = left;
  }
  return owed;
}

/** Every final row of the stores. The times are the database's own: it keeps the time of each commit. */
export async function readFinalRows(database: Database, stores: string[]): Promise<FoundRow[]> {
  return database.$queryRaw<FoundRow[]>`
    SELECT uuid::text, resolution, bytes_fetched::int AS bytes,
      (extract(epoch FROM pg_xact_commit_timestamp(change_xid::xid)) * 1000)::float8 AS "finalAt"
    FROM alerts WHERE store = ANY(${stores}) AND status IN ('processed', 'failed')`;
}

export type Judged = {
  /** Final rows whose resolution is not the true one. */
  wrong: number;
  /** Accepted alerts without a final row. */
  missing: number;
};

/** Holds the rows against the truth: alert number i was on video i of the set, over and over. */
export function judgeRows(
  rows: ReadonlyMap<string, FoundRow>,
  uuids: readonly string[],
  truths: readonly Truth[],
): Judged {
  const judged = { wrong: 0, missing: 0 };
  uuids.forEach((uuid, index) => {
    const row = rows.get(uuid);
    if (!row) judged.missing += 1;
    else if (row.resolution !== truths[index % truths.length]?.resolution) judged.wrong += 1;
  });
  return judged;
}
