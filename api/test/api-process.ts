import { afterEach, beforeEach } from 'vitest';
import { openDatabase } from '#prisma/client.ts';
import { killAllProcesses, type Process, startProcess, waitUntilReady } from '#test/harness/process.ts';
import { createTestDatabase, type TestDatabase } from '#test/harness/test-database.ts';

/** The database of the current test. */
export let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase({ queue: true });
});
afterEach(async () => {
  await killAllProcesses();
  await database.drop();
});

/** Starts an api process with this environment, without waiting for it. */
export const start = (env: Record<string, string>) => startProcess({ name: 'api', entry: 'api/index.ts', env });

/** Returns the URL of an api once it listens. */
export async function urlOf(api: Process): Promise<string> {
  const { port } = Object(await waitUntilReady(api));
  return `http://127.0.0.1:${port}`;
}

/** Runs a statement in the database of the current test. */
export async function alter(sql: string): Promise<void> {
  const db = openDatabase(database.url, { poolSize: 1, onError: () => {} });
  await db.$executeRawUnsafe(sql);
  await db.$disconnect();
}
