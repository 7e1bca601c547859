import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { type Ask, openAlertWrites } from './alert-writes.ts';
import { translateDatabaseError } from './errors.ts';
import { PrismaClient } from './generated/client.ts';

/** Without `$transaction`: Prisma's begin and commit throw past the translation of errors below. */
export type Database = Omit<ReturnType<typeof openDatabase>, '$transaction'>;

/**
 * Opens a pool of at most `poolSize` connections, lazily. Every query throws DatabaseUnavailable or DatabaseFault,
 * never a Prisma error; `onError` is told so of connections that were lost while idle. Close with `$disconnect()`.
 */
export function openDatabase(url: string, options: { poolSize: number; onError: (error: Error) => void }) {
  // pg hangs the whole client, settings and sockets, on the error of an idle connection.
  const onLost = (error: Error) => options.onError(translateDatabaseError(error));
  const pool = new pg.Pool({
    connectionString: url,
    // A prepared statement would keep for minutes the plan that was best for an empty table, and read the grown one whole:
    // 0.37 ms of PostgreSQL's CPU for each alert at 24,000 rows, instead of 0.13. Planning anew costs 0.03.
    options: '-c plan_cache_mode=force_custom_plan',
    max: options.poolSize,
    // pg waits for ever by default. 3 s to connect, 10 s for any answer: a request may not hang on a dead server.
    connectionTimeoutMillis: 3_000,
    query_timeout: 10_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
  });
  pool.on('error', onLost);
  const adapter = new PrismaPg(pool, { onConnectionError: onLost });
  const prisma = new PrismaClient({ adapter, errorFormat: 'minimal' });
  const writes = openAlertWrites(asker(pool));
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
        /** Connections of the pool: open ones, those of them that do nothing, and queries that wait for one. */
        connections: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
        $disconnect() {
          closed ??= close();
          return closed;
        },
      },
    });
}

function asker(pool: pg.Pool): Ask {
  return async <Row extends object>(statement: Parameters<Ask>[0]) => {
    try {
      return (await pool.query<Row>(statement)).rows;
    } catch (error) {
      throw translateDatabaseError(error);
    }
  };
}
