import { setTimeout as sleep } from 'node:timers/promises';
import { singleFlight } from '#async/single-flight.ts';
import type { Database } from './client.ts';
import { DatabaseUnavailable } from './errors.ts';
import { assertMigrated, type MigrationRow, readMigrationState } from './migration-state.ts';
import { assertSessionSettings, READ_SETTINGS, type Setting } from './session-settings.ts';

/** Returns undefined, or a message that says what is wrong. */
type Check = () => Promise<string | undefined>;

/** Throws DatabaseUnavailable, or an error that says which migrations are missing, unknown or failed. */
export async function assertReady(db: Database): Promise<void> {
  assertMigrated(await readMigrationState((sql) => db.$queryRawUnsafe<MigrationRow[]>(sql)));
}

/** Returns two checks that share one query: the database is available, and its migrations are those of this version. */
export function databaseChecks(db: Database): { database: Check; migrations: Check } {
  const errorOf = singleFlight(() =>
    assertReady(db).then(
      () => undefined,
      (error: Error) => error,
    ),
  );
  return {
    async database() {
      const error = await errorOf();
      return error instanceof DatabaseUnavailable ? error.message : undefined;
    },
    async migrations() {
      const error = await errorOf();
      return error instanceof DatabaseUnavailable ? undefined : error?.message;
    },
  };
}

export function checkDatabase(db: Database): Promise<string | undefined> {
  return databaseChecks(db).database();
}

export function checkMigrations(db: Database): Promise<string | undefined> {
  return databaseChecks(db).migrations();
}

/**
 * Waits until the database is available, then behaves like assertReady. Calls `onWait` after each failed try. Also throws if
 * the sessions of a pooler lack settings that this program needs.
 */
export async function waitUntilReady(
  db: Database,
  onWait: (error: Error) => void,
  signal?: AbortSignal,
): Promise<void> {
  for (;;) {
    try {
      await assertReady(db);
      if (db.pooled) assertSessionSettings(await db.$queryRawUnsafe<Setting[]>(READ_SETTINGS), db.queryTimeoutMs);
      return;
    } catch (error) {
      if (!(error instanceof DatabaseUnavailable)) throw error;
      onWait(error);
    }
    await sleep(1_000, undefined, { signal });
  }
}
