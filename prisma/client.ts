import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { openAlertWrites } from './alert-writes.ts';
import type { RunQuery } from './batched-statement.ts';
import { DISK_CHECK, watchDisk } from './disk.ts';
import { translateDatabaseError } from './errors.ts';
import { PrismaClient } from './generated/client.ts';
import { openRelatedReads } from './related-reads.ts';

/** With `transaction` instead of `$transaction`, whose errors of BEGIN and COMMIT would bypass the translation below. */
export type Database = Omit<ReturnType<typeof openDatabase>, '$transaction'>;

/** Longest wait for the response to a query. No request may hang on a dead server: pg waits forever by default. */
const QUERY_TIMEOUT_MS = 10_000;

/**
 * Opens a pool of at most `poolSize` connections, lazily. Queries throw DatabaseUnavailable or DatabaseError, never a
 * Prisma error; `onError` receives the same for connections that are lost while idle. `pictures` false: none are read. Close
 * it with `$disconnect()`.
 */
export function openDatabase(
  url: string,
  options: { poolSize: number; onError: (error: Error) => void; queryTimeoutMs?: number; pictures?: boolean },
) {
  const { poolSize, queryTimeoutMs = QUERY_TIMEOUT_MS, pictures = true } = options;
  // pg attaches the whole client, with settings and sockets, to the error of an idle connection.
  const onLost = (error: Error) => options.onError(translateDatabaseError(error));
  const pool = new pg.Pool({
    connectionString: withSessionOptions(url, queryTimeoutMs),
    max: poolSize,
    connectionTimeoutMillis: 3_000,
    query_timeout: queryTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
  });
  pool.on('error', onLost);
  const adapter = new PrismaPg(pool, { onConnectionError: onLost });
  const prisma = new PrismaClient({ adapter, errorFormat: 'minimal' });
  const checkDisk = () =>
    pool.query(DISK_CHECK).catch((error: unknown) => {
      throw translateDatabaseError(error);
    });
  const disk = watchDisk(checkDisk);
  const translate = (error: unknown) => disk.notice(translateDatabaseError(error));
  const runQuery = queryRunner(pool, translate);
  const writes = openAlertWrites(runQuery, { queryTimeoutMs });
  const relatedReads = openRelatedReads(runQuery, { pictures });
  let closed: Promise<void> | undefined;
  const close = async () => {
    await Promise.all([writes.close(), relatedReads.close()]);
    await prisma.$disconnect();
    await pool.end();
  };
  const translating = translateErrors(prisma, translate);
  return translating.$extends({
    client: {
      writes,
      relatedReads,
      queryTimeoutMs,
      transaction: transactionRunner(translating, queryTimeoutMs, translate),
      /** Returns whether a write failed because the disk is full, and the disk still is. */
      isDiskFull: disk.isFull,
      /** Open connections, idle ones among them, and queries that wait for a connection. */
      connections: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
      $disconnect() {
        closed ??= close();
        return closed;
      },
    },
  });
}

type Translate = (error: unknown) => Error;

function translateErrors(prisma: PrismaClient, translate: Translate) {
  return prisma.$extends({
    query: {
      async $allOperations({ args, query }) {
        try {
          return await query(args);
        } catch (error) {
          throw translate(error);
        }
      },
    },
  });
}

type Translating = ReturnType<typeof translateErrors>;

/** The queries of one transaction. */
export type Transaction = Parameters<Parameters<Translating['$transaction']>[0]>[0];

/**
 * Returns a function that runs `work` in one transaction and returns its result. If `work` throws, nothing has changed. The
 * errors of BEGIN and COMMIT are translated, too.
 */
function transactionRunner(translating: Translating, timeout: number, translate: Translate) {
  return async <Result>(work: (tx: Transaction) => Promise<Result>): Promise<Result> => {
    let ofWork: unknown;
    const run = (tx: Transaction) =>
      work(tx).catch((error: unknown) => {
        ofWork = error;
        throw error;
      });
    try {
      return await translating.$transaction(run, { maxWait: 3_000, timeout });
    } catch (error) {
      throw error === ofWork ? error : translate(error);
    }
  };
}

/**
 * Returns the URL with the settings of a session as its startup `options`. Options that the URL has are kept and win.
 *
 * PostgreSQL must abort a statement before pg gives up on it. Otherwise the statement continues behind a lock, commits
 * later although it was reported as failed, and keeps its backend: after 80 s of a locked table there were 21 backends,
 * whose claims then ended every alert as crashed.
 */
function withSessionOptions(url: string, queryTimeoutMs: number): string {
  const settings = {
    // A prepared statement would keep the plan for an empty table for minutes, and scan the whole table once it has grown:
    // 0.37 ms of PostgreSQL's CPU per alert at 24,000 rows instead of 0.13. A plan per execution costs 0.03 ms.
    plan_cache_mode: 'force_custom_plan',
    statement_timeout: Math.round(queryTimeoutMs * 0.8),
    lock_timeout: Math.round(queryTimeoutMs * 0.7),
    idle_in_transaction_session_timeout: queryTimeoutMs,
  };
  const withOptions = new URL(url);
  const options = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`);
  const own = withOptions.searchParams.get('options');
  withOptions.searchParams.set('options', [...options, ...(own ? [own] : [])].join(' '));
  return withOptions.href;
}

function queryRunner(pool: pg.Pool, translate: Translate): RunQuery {
  return async <Row extends object>(statement: Parameters<RunQuery>[0]) => {
    try {
      return (await pool.query<Row>(statement)).rows;
    } catch (error) {
      throw translate(error);
    }
  };
}
