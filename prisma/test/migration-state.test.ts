import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { openDatabase } from '../client.ts';
import { migrate } from '../migrate.ts';
import { migrationNames } from '../migration-files.ts';
import { assertMigrated, type MigrationRow, readMigrationState } from '../migration-state.ts';

async function emptyDatabase(): Promise<string> {
  const database = await createTestDatabase({ empty: true });
  onTestFinished(database.drop);
  return database.url;
}

describe('assertMigrated', () => {
  it('refuses a database without migrations, read through the Prisma client too', async () => {
    const db = openDatabase(await emptyDatabase(), { poolSize: 1, onError: () => {} });
    onTestFinished(() => db.$disconnect());
    const state = await readMigrationState((sql) => db.$queryRawUnsafe<MigrationRow[]>(sql));
    expect(state).toEqual({ missing: await migrationNames(), unknown: [], failed: [] });
    expect(() => assertMigrated(state)).toThrow(/^the database lacks the migrations? .*: run `npm run migrate`$/);
  });

  it('does not take a database that is unavailable for an empty one', async () => {
    const gone = Object.assign(new Error('gone'), { code: '08006' });
    await expect(readMigrationState(() => Promise.reject(gone))).rejects.toBe(gone);
  });

  it('accepts a migrated database', async () => {
    const url = await emptyDatabase();
    await migrate(url);
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    onTestFinished(() => client.end());
    const state = await readMigrationState(async (sql) => (await client.query<MigrationRow>(sql)).rows);
    expect(state).toEqual({ missing: [], unknown: [], failed: [] });
    expect(() => assertMigrated(state)).not.toThrow();
  });
});
