import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from './client.ts';
import { DatabaseUnavailable } from './errors.ts';
import { assertMigrated, type MigrationRow, readMigrationState } from './migration-state.ts';

/** Throws DatabaseUnavailable, or one sentence where the migrations are not exactly those known here. */
export async function assertReady(db: Database): Promise<void> {
  assertMigrated(await readMigrationState((sql) => db.$queryRawUnsafe<MigrationRow[]>(sql)));
}

/** One sentence where the database does not answer. */
export async function checkDatabase(db: Database): Promise<string | undefined> {
  return assertReady(db).then(
    () => undefined,
    (error: Error) => (error instanceof DatabaseUnavailable ? error.message : undefined),
  );
}

/** One sentence where the database answers and its migrations are not those known here. */
export async function checkMigrations(db: Database): Promise<string | undefined> {
  return assertReady(db).then(
    () => undefined,
    (error: Error) => (error instanceof DatabaseUnavailable ? undefined : error.message),
  );
}

/** Waits, for as long as it takes, until the database answers; then as assertReady. `onWait` is told of each try. */
export async function waitUntilReady(
  db: Database,
  onWait: (error: Error) => void,
  signal?: AbortSignal,
): Promise<void> {
  for (;;) {
    try {
      return await assertReady(db);
    } catch (error) {
      if (!(error instanceof DatabaseUnavailable)) throw error;
      onWait(error);
    }
    await sleep(1_000, undefined, { signal });
  }
}
