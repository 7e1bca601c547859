import { setTimeout as sleep } from 'node:timers/promises';
import { withTimeout } from '#async/timeout.ts';
import { type Database, openDatabase } from './client.ts';
import { DatabaseUnavailable } from './errors.ts';
import { createLagMeter, parsePosition } from './replica-lag.ts';

/**
 * Runs reads whose result may be some seconds old: on the replica while it may be used, otherwise on the primary. A read that
 * fails on the replica, or that is running when the replica is given up, runs again on the primary.
 */
export type StaleReads = <Result>(read: (db: Database) => Promise<Result>) => Promise<Result>;

export type ReplicaStatus = {
  /** Undefined: unknown. */
  lagSeconds: number | undefined;
  /** Why the replica is not used, in one sentence. */
  problem: string | undefined;
};

export type Replica = { reads: StaleReads; status(): ReplicaStatus; close(): Promise<void> };

export type ReplicaOptions = {
  primary: Database;
  url: string;
  maxLagMs: number;
  pictures: boolean;
  onError: (error: Error) => void;
  /** Called when the replica is used, and when it is no longer. */
  onChange: (status: ReplicaStatus) => void;
};

const POOL_SIZE = 6;
const CHECK_MS = 1_000;
const CHECK_TIMEOUT_MS = 2_000;

const PRIMARY_POSITION = 'SELECT pg_current_wal_lsn()::text AS position';
// Null: a promoted replica is a database of its own.
const REPLICA_POSITION = `SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()::text END AS position`;

/** The replica may be used. `end` makes running reads start again on the primary. */
type Use = { ended: Promise<never>; end(problem: string): void };

/** Opens a replica and checks it once a second. No read waits for a check. */
export function openReplica(options: ReplicaOptions): Replica {
  const { primary, url, maxLagMs, pictures, onError, onChange } = options;
  const db = openDatabase(url, { poolSize: POOL_SIZE, pictures, onError });
  const meter = createLagMeter();
  const closing = new AbortController();
  let status: ReplicaStatus = { lagSeconds: undefined, problem: 'the replica was not checked yet' };
  let use: Use | undefined;
  const set = (next: ReplicaStatus) => {
    const changed = (next.problem === undefined) !== (use !== undefined);
    status = next;
    if (!changed) return;
    use?.end(next.problem ?? '');
    use = next.problem === undefined ? startUse() : undefined;
    onChange(next);
  };
  const check = () =>
    measure({ primary, db, meter }).then(
      (lagMs) => set(statusOf(lagMs, maxLagMs)),
      ({ message }: Error) => set({ lagSeconds: undefined, problem: message }),
    );
  const checking = repeat(check, closing.signal);
  return {
    async reads(read) {
      if (use === undefined) return read(primary);
      // Any error: the replica may also lack the newest migration, or cancel a query that conflicts with a change.
      return Promise.race([read(db), use.ended]).catch(() => read(primary));
    },
    status: () => status,
    async close() {
      closing.abort();
      await checking;
      await db.$disconnect();
    },
  };
}

async function repeat(check: () => Promise<void>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await check();
    await sleep(CHECK_MS, undefined, { signal }).catch(() => {}); // aborted: the loop ends
  }
}

function startUse(): Use {
  let end: Use['end'] = () => {};
  const ended = new Promise<never>((_resolve, reject) => {
    end = (problem) => reject(new DatabaseUnavailable(new Error(problem)));
  });
  ended.catch(() => {}); // mostly, no read is running
  return { ended, end };
}

type Measured = { primary: Database; db: Database; meter: ReturnType<typeof createLagMeter> };

/** Returns the lag in ms; undefined: unknown. Throws an error of one sentence if the replica does not respond or is none. */
async function measure({ primary, db, meter }: Measured): Promise<number | undefined> {
  const at = performance.now();
  // While the primary does not respond, the lag grows with the time that the replica may have missed.
  const current = await readPosition(primary, PRIMARY_POSITION).catch(() => null);
  if (current !== null) meter.note(parsePosition(current), at);
  const replayed = await readPosition(db, REPLICA_POSITION).catch((cause: Error) => {
    const reason = cause.cause instanceof Error ? cause.cause.message : cause.message;
    throw new Error(`the replica does not respond (${reason})`, { cause });
  });
  if (replayed === null) throw new Error('DATABASE_REPLICA_URL names a server that is not a replica');
  return meter.lagOf(parsePosition(replayed), performance.now());
}

async function readPosition(db: Database, sql: string): Promise<string | null> {
  const [row] = await withTimeout(db.$queryRawUnsafe<{ position: string | null }[]>(sql), CHECK_TIMEOUT_MS);
  return row?.position ?? null;
}

function statusOf(lagMs: number | undefined, maxLagMs: number): ReplicaStatus {
  const lagSeconds = lagMs === undefined ? undefined : lagMs / 1_000;
  if (lagMs === undefined) return { lagSeconds, problem: 'the replica has not caught up yet' };
  if (lagMs <= maxLagMs) return { lagSeconds, problem: undefined };
  return {
    lagSeconds,
    problem: `the replica lags ${(lagMs / 1_000).toFixed(1)} s behind, REPLICA_MAX_LAG is ${maxLagMs / 1_000} s`,
  };
}
