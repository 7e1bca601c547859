import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '#prisma/client.ts';

/** A final row. `finalAt`: when the last change of its status was committed, in milliseconds since 1970. */
export type FinalRow = { uuid: string; resolution: string | null; bytes: number; finalAt: number };

const POLL_MS = 50;
/** If nothing is notified or delivered for this long, the rest will not be. */
const STALL_MS = 20_000;

/** Waits until every row of the stores is notified, or no further one is for 20 s. Returns how many are not. */
export function waitUntilNotified(database: Database, stores: string[], signal: AbortSignal): Promise<number> {
  return waitUntilNone(
    () => database.$queryRaw<Count[]>`
      SELECT count(*)::int AS n FROM alerts WHERE notified_at IS NULL AND store = ANY(${stores})`,
    signal,
  );
}

/** Waits until every delivery is delivered, or no further one is for 20 s. Returns how many are not. */
export function waitUntilDelivered(database: Database, signal: AbortSignal): Promise<number> {
  return waitUntilNone(
    () => database.$queryRaw<Count[]>`SELECT count(*)::int AS n FROM deliveries WHERE status <> 'delivered'`,
    signal,
  );
}

type Count = { n: number };

async function waitUntilNone(read: () => Promise<Count[]>, signal: AbortSignal): Promise<number> {
  let unfinished = Number.POSITIVE_INFINITY;
  let progressAt = Date.now();
  for (; Date.now() - progressAt < STALL_MS; await sleep(POLL_MS, undefined, { signal })) {
    const [row] = await read();
    const count = row?.n ?? 0;
    if (count === 0) return 0;
    if (count < unfinished) progressAt = Date.now();
    unfinished = count;
  }
  return unfinished;
}

/**
 * Returns the rows of these alerts that are final. The times come from PostgreSQL, which keeps the time of each commit. Not by
 * store: with 50 million rows, PostgreSQL would read the whole table for stores that its statistics do not know.
 */
export async function readFinalRows(database: Database, uuids: string[]): Promise<FinalRow[]> {
  return database.$queryRaw<FinalRow[]>`
    SELECT uuid::text, resolution, bytes_fetched::int AS bytes,
      (extract(epoch FROM pg_xact_commit_timestamp(change_xid::xid)) * 1000)::float8 AS "finalAt"
    FROM alerts WHERE uuid = ANY(${uuids}::uuid[]) AND status IN ('processed', 'failed')`;
}

export type Mismatches = {
  /** Final rows with an unexpected resolution. */
  wrong: number;
  /** Accepted alerts without a final row. */
  missing: number;
};

/** Compares the rows with the expected resolutions. The alerts, in the order of `uuids`, used the videos in turn. */
export function countMismatches(
  rows: ReadonlyMap<string, FinalRow>,
  uuids: readonly string[],
  videos: readonly { resolution: string | null }[],
): Mismatches {
  const mismatches = { wrong: 0, missing: 0 };
  uuids.forEach((uuid, index) => {
    const row = rows.get(uuid);
    if (!row) mismatches.missing += 1;
    else if (row.resolution !== videos[index % videos.length]?.resolution) mismatches.wrong += 1;
  });
  return mismatches;
}
