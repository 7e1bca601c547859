import { runMigrations } from 'bullmq';
import pg from 'pg';

/** Prepares a PostgreSQL database for the queue, in its own schema `bullmq`; on Redis there is nothing to do. */
export async function migrateQueue(url: string): Promise<void> {
  if (/^rediss?:/.test(url)) return;
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  await client.connect();
  try {
    await runMigrations(client);
  } finally {
    await client.end();
  }
}
