import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { inject } from 'vitest';
import type { Database } from '#prisma/client.ts';

export type TestDatabase = { url: string; drop(): Promise<void> };

/**
 * Creates a database: a copy of the migrated template, with `queue` one that is also prepared for a queue, or an empty one.
 * `drop` cuts the connections that are still open. A test that fails before `drop` leaves its database to look at until the run's server stops.
 */
export async function createTestDatabase(options: { empty?: boolean; queue?: boolean } = {}): Promise<TestDatabase> {
  const server = inject('postgresUrl');
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  const { alerts, queue } = inject('postgresTemplates');
  const template = options.empty ? 'template0' : options.queue ? queue : alerts;
  await query(server, `CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY FILE_COPY`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => query(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}

/** Opens `connections` connections of a pool, so that concurrent calls do not wait for one and really overlap. */
export async function warm(db: Database, connections: number): Promise<void> {
  await Promise.all(Array.from({ length: connections }, () => db.$queryRaw`SELECT pg_sleep(0.1)::text`));
}

async function query(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    // 55006: another test file is copying the template, which takes about 50 ms.
    for (let attempt = 1; ; attempt++) {
      try {
        await client.query(sql);
        return;
      } catch (error) {
        if (!(error instanceof pg.DatabaseError && error.code === '55006') || attempt === 1_000) throw error;
        await sleep(20);
      }
    }
  } finally {
    await client.end();
  }
}
