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

  const state = { missing: [], unknown: [], failed: [] };

  it('accepts newer migrations that only add to the schema, also while they run', () => {
    expect(() => assertMigrated({ ...state, unknown: ['1_a', '2_b'], failed: ['2_b'] })).not.toThrow();
  });

  it.each([
    ['0.1.0', '0.2.0', false],
    ['0.2.0', '0.2.0', true],
    ['0.10.0', '0.2.0', true],
    ['0.9.9', '0.10.0', false],
    ['1.0.0', '0.2.0', true],
    ['1.2.3', '1.2.4', false],
  ])('of version %s with a contract step for %s: %s', (version, least, accepted) => {
    const name = `1_contract_${least.replaceAll('.', '_')}_drop_camera`;
    const check = () => assertMigrated({ ...state, unknown: [name] }, version);
    if (accepted) expect(check).not.toThrow();
    else expect(check).toThrow(`(${name}), and version ${version} cannot run on it`);
  });

  it('refuses a migration of this version that failed', () => {
    expect(() => assertMigrated({ ...state, failed: ['1_a'] })).toThrow('the migration 1_a failed in this database');
  });
});
