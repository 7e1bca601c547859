import type { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { connectionTo } from '#postgres/connection.ts';
import { openAlertReads } from './alert-reads.ts';
import { openAlertWrites } from './alert-writes.ts';
import type { RunQuery } from './batched-statement.ts';
import { DISK_CHECK, watchDisk } from './disk.ts';
import { translateDatabaseError } from './errors.ts';
import { PrismaClient } from './generated/client.ts';
import { openRelatedReads } from './related-reads.ts';
import { sessionSettings } from './session-settings.ts';
import { parseTime } from './times.ts';

/** With `transaction` instead of `$transaction`, whose errors of BEGIN and COMMIT would bypass the translation below. */
export type Database = Omit<ReturnType<typeof openDatabase>, '$transaction'>;

/** Longest wait for the response to a query. No request may hang on a dead server: pg waits forever by default. */
const QUERY_TIMEOUT_MS = 10_000;
export const CONNECT_TIMEOUT_MS = 3_000;

type DatabaseOptions = {
  poolSize: number;
  onError: (error: Error) => void;
  queryTimeoutMs?: number;
  connectTimeoutMs?: number;
  pictures?: boolean;
  pooled?: boolean;
};

/**
 * Opens a pool of at most `poolSize` connections, lazily. Queries throw DatabaseUnavailable or DatabaseError, never a
 * Prisma error; `onError` receives the same for connections that are lost while idle. `pictures` false: none are read.
 * `pooled`: the URL is that of a pooler, whose sessions must have the settings of the role. Close it with `$disconnect()`.
 */
export function openDatabase(url: string, options: DatabaseOptions) {
  const { poolSize, pictures = true, pooled = false } = options;
  const { queryTimeoutMs = QUERY_TIMEOUT_MS, connectTimeoutMs = CONNECT_TIMEOUT_MS } = options;
  // pg attaches the whole client, with settings and sockets, to the error of an idle connection.
  const onLost = (error: Error) => options.onError(translateDatabaseError(error));
  const timeouts = { queryTimeoutMs, connectTimeoutMs };
  const pool = openPool(pooled ? url : withSessionOptions(url, queryTimeoutMs), { poolSize, ...timeouts });
  pool.on('error', onLost);
  const adapter = new PrismaPg(pool, { onConnectionError: onLost });
  const prisma = new PrismaClient({ adapter, errorFormat: 'minimal' });
  const checkDisk = () =>
    pool.query(DISK_CHECK).catch((error: unknown) => {
      throw translateDatabaseError(error);
    });
  const disk = watchDisk(checkDisk);
  const translate = (error: unknown) => disk.notice(translateDatabaseError(error));
  const runQuery = queryRunner(pool, { translate, pooled });
  const writes = openAlertWrites(runQuery, { queryTimeoutMs });
  const relatedReads = openRelatedReads(runQuery, { pictures });
  const alertReads = openAlertReads(runQuery, { pictures, queryTimeoutMs });
  let closed: Promise<void> | undefined;
  const close = async () => {
    await Promise.all([writes.close(), relatedReads.close(), alertReads.close()]);
    await prisma.$disconnect();
    await pool.end();
  };
  const translating = translateErrors(prisma, translate);
  return translating.$extends({
    client: {
      writes,
      relatedReads,
      alertReads,
      queryTimeoutMs,
      pooled,
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

type PoolOptions = Required<Pick<DatabaseOptions, 'poolSize' | 'queryTimeoutMs' | 'connectTimeoutMs'>>;

function openPool(url: string, { poolSize, queryTimeoutMs, connectTimeoutMs }: PoolOptions): pg.Pool {
  const pool = new pg.Pool({
    ...connectionTo(url),
    max: poolSize,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: queryTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
  });
  return pool.on('connect', closeIfReadOnly);
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

/** Returns the URL with the settings of a session as its startup `options`. Options that the URL has are kept and win. */
function withSessionOptions(url: string, queryTimeoutMs: number): string {
  const withOptions = new URL(url);
  const options = Object.entries(sessionSettings(queryTimeoutMs)).map(([name, value]) => `-c ${name}=${value}`);
  const own = withOptions.searchParams.get('options');
  withOptions.searchParams.set('options', [...options, ...(own ? [own] : [])].join(' '));
  return withOptions.href;
}

/** Those of pg, except that a bigint is not text, and that times are parsed faster. */
const TYPES: pg.CustomTypesConfig = {
  getTypeParser: ((oid, format) => {
    if (oid === pg.types.builtins.INT8) return BigInt;
    return oid === pg.types.builtins.TIMESTAMPTZ ? parseTime : pg.types.getTypeParser(oid, format);
  }) as typeof pg.types.getTypeParser,
};

/** Sends no names of prepared statements if the pool is behind a pooler: the next transaction may have another session. */
function queryRunner(pool: pg.Pool, { translate, pooled }: { translate: Translate; pooled: boolean }): RunQuery {
  return async <Row extends object>({ name, ...statement }: Parameters<RunQuery>[0]) => {
    try {
      return (await pool.query<Row>({ ...statement, types: TYPES, ...(!pooled && { name }) })).rows;
    } catch (error) {
      throw translate(error);
    }
  };
}

/** SQLSTATE read_only_sql_transaction. */
const READ_ONLY = '25006';

/** Closes a connection whose server has become a standby: behind a proxy, the next one is to the new primary. */
function closeIfReadOnly(client: pg.PoolClient): void {
  // The pool closes it by itself after an error, but not when the error was in a transaction.
  const { connection } = client as unknown as { connection: EventEmitter & { stream: Duplex } }; // @types/pg lacks it
  connection.on('errorMessage', ({ code }: { code?: string }) => {
    if (code === READ_ONLY) setImmediate(() => connection.stream.destroy());
  });
}
