import { chmod, mkdtemp, readdir, realpath, rm, stat, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { startEmbeddedPostgres } from '#local/postgres/embedded.ts';
import { clearPostmaster, isAbandoned, unless } from '#local/postgres/lock.ts';
import { migrate } from '#prisma/migrate.ts';
import { migrateQueue } from '#redis/migrate.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Superuser's URL of the server on which test databases are created. */
    postgresUrl: string;
    /** The names of the databases that they are copied from: migrated, without and with the queue. */
    postgresTemplates: { alerts: string; queue: string };
  }
}

const PREFIX = 'alerts-test-';
/** Linux's folder for files in memory. */
export const MEMORY = '/dev/shm';

/**
 * Starts one PostgreSQL for the whole run: that of TEST_DATABASE_URL, or an embedded one in a temporary folder. The folder is
 * in memory if there is enough: copying a template, which each test file does, takes 10 ms there and 140 ms on a disk.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await openServer(process.env.TEST_DATABASE_URL);
  const templates = { alerts: `alerts_template_${process.pid}`, queue: `queue_template_${process.pid}` };
  try {
    await onServer(server.url, `CREATE DATABASE ${templates.alerts}`);
    await migrate(databaseUrl(server.url, templates.alerts));
    await onServer(server.url, `CREATE DATABASE ${templates.queue} TEMPLATE ${templates.alerts}`);
    await migrateQueue(databaseUrl(server.url, templates.queue));
  } catch (error) {
    await server.close();
    throw error;
  }
  project.provide('postgresUrl', server.url);
  project.provide('postgresTemplates', templates);
  return async () => {
    for (const name of Object.values(templates)) await onServer(server.url, `DROP DATABASE ${name}`);
    await server.close();
  };
}

async function openServer(url: string | undefined): Promise<{ url: string; close(): Promise<void> }> {
  if (url) return { url, close: async () => {} };
  await removeAbandoned();
  const dataDir = await mkdtemp(join((await fitsInMemory()) ? MEMORY : tmpdir(), PREFIX));
  await chmod(dataDir, 0o755); // root may run PostgreSQL as nobody
  const server = await startEmbeddedPostgres({ dataDir, durable: false });
  return {
    url: server.url,
    close: async () => {
      await server.stop();
      await rm(dataDir, { recursive: true });
    },
  };
}

async function fitsInMemory(): Promise<boolean> {
  const files = await statfs(MEMORY).catch(unless('ENOENT'));
  return files !== false && files.bavail * files.bsize > 4e9 && process.availableMemory() > 8e9;
}

/** Stops and removes the servers of runs that were killed. */
export async function removeAbandoned(): Promise<void> {
  for (const parent of [MEMORY, await realpath(tmpdir())]) await removeAbandonedIn(parent);
}

async function removeAbandonedIn(parent: string): Promise<void> {
  const names = await readdir(parent).catch(unless('ENOENT'));
  for (const name of names || []) {
    const folder = join(parent, name);
    if (!name.startsWith(PREFIX)) continue;
    const found = await stat(folder).catch(unless('ENOENT'));
    if (!found || found.uid !== process.getuid?.() || !(await isAbandoned(folder))) continue;
    await clearPostmaster(join(folder, 'cluster'), true, () => {});
    await rm(folder, { recursive: true, force: true });
  }
}

function databaseUrl(server: string, name: string): string {
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}

async function onServer(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(sql).finally(() => client.end());
}
