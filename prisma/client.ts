import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { openAlertWrites, type RunQuery } from './alert-writes.ts';
import { translateDatabaseError } from './errors.ts';
import { PrismaClient } from './generated/client.ts';

/** Without `$transaction`: errors of Prisma's BEGIN and COMMIT would bypass the translation below. */
export type Database = Omit<ReturnType<typeof openDatabase>, '$transaction'>;

/**
 * Opens a pool of at most `poolSize` connections, lazily. Queries throw DatabaseUnavailable or DatabaseError, never a
 * Prisma error; `onError` receives the same for connections that are lost while idle. Close it with `$disconnect()`.
 */
export function openDatabase(url: string, options: { poolSize: number; onError: (error: Error) => void }) {
  // pg attaches the whole client, with settings and sockets, to the error of an idle connection.
  const onLost = (error: Error) => options.onError(translateDatabaseError(error));
  const pool = new pg.Pool({
    connectionString: url,
    // A prepared statement would keep the plan for an empty table for minutes, and scan the whole table once it has grown:
    // 0.37 ms of PostgreSQL's CPU per alert at 24,000 rows instead of 0.13. A plan per execution costs 0.03 ms.
    options: '-c plan_cache_mode=force_custom_plan',
    max: options.poolSize,
    // pg waits forever by default. 3 s to connect and 10 s per query: no request may hang on a dead server.
    connectionTimeoutMillis: 3_000,
    query_timeout: 10_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
  });
  pool.on('error', onLost);
  const adapter = new PrismaPg(pool, { onConnectionError: onLost });
  const prisma = new PrismaClient({ adapter, errorFormat: 'minimal' });
  const writes = openAlertWrites(queryRunner(pool));
  let closed: Promise<void> | undefined;
  const close = async () => {
    await writes.close();
    await prisma.$disconnect();
    await pool.end();
  };
  return prisma
    .$extends({
      query: {
        async $allOperations({ args, query }) {
          try {
            return await query(args);
          } catch (error) {
            throw translateDatabaseError(error);
          }
        },
      },
    })
    .$extends({
      client: {
        writes,
        /** Open connections, idle ones among them, and queries that wait for a connection. */
        connections: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
        $disconnect() {
          closed ??= close();
          return closed;
        },
      },
    });
}

function queryRunner(pool: pg.Pool): RunQuery {
  return async <Row extends object>(statement: Parameters<RunQuery>[0]) => {
    try {
      return (await pool.query<Row>(statement)).rows;
    } catch (error) {
      throw translateDatabaseError(error);
    }
  };
}
