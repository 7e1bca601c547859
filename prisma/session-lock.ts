import pg from 'pg';
import { connectionTo } from '#postgres/connection.ts';

/**
 * Runs the task while no other process holds the lock of this number, and returns true. Returns false if another one holds it.
 * The lock is that of a connection, outside of a transaction: a long transaction would delay the event feed. So `databaseUrl`
 * must not be that of a pooler. `lost` aborts when the connection, and with it the lock, is lost.
 */
export async function withSessionLock(
  databaseUrl: string,
  { key, name }: { key: number; name: string },
  task: (lost: AbortSignal) => Promise<void>,
): Promise<boolean> {
  const client = new pg.Client({
    ...{ ...connectionTo(databaseUrl), connectionTimeoutMillis: 10_000, query_timeout: 10_000, keepAlive: true },
    application_name: `video-alerts ${name}`,
  });
  // A lost connection only releases the lock earlier.
  const lost = new AbortController();
  client.on('error', () => lost.abort());
  await client.connect();
  try {
    const { rows } = await client.query('SELECT pg_try_advisory_lock($1) AS locked', [key]);
    if (!rows[0]?.locked) return false;
    await task(lost.signal);
    return true;
  } finally {
    await client.end().catch(() => {});
  }
}
