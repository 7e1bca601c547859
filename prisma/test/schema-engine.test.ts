import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ALL_TABLES, diffSchema, readMigrations, readSchema, withSchemaEngine } from '#local/schema-diff.ts';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { markRolledBack, migrate } from '../migrate.ts';
import { migrationNames } from '../migration-files.ts';

// Prisma's own schema engine, the one behind `prisma migrate`, compared with our migration runner.

async function emptyDatabase(): Promise<string> {
  const database = await createTestDatabase({ empty: true });
  onTestFinished(database.drop);
  return database.url;
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return (await client.query(sql).finally(() => client.end())).rows;
}

/** What `prisma migrate status` reads. */
async function diagnose(url: string) {
  const migrationsList = await readMigrations();
  return withSchemaEngine(url, (engine) =>
    engine.diagnoseMigrationHistory({ migrationsList, optInToShadowDatabase: false, filters: ALL_TABLES }),
  );
}

async function applyWithEngine(url: string) {
  const migrationsList = await readMigrations();
  return withSchemaEngine(url, (engine) => engine.applyMigrations({ migrationsList, filters: ALL_TABLES }));
}

/** Columns of all tables, _prisma_migrations included, and all indexes. */
const CATALOGUE = `
  SELECT table_name, column_name, data_type, udt_name, character_maximum_length, is_nullable, column_default
  FROM information_schema.columns WHERE table_schema = 'public'
  UNION ALL SELECT tablename, indexname, indexdef, NULL, NULL, NULL, NULL FROM pg_indexes WHERE schemaname = 'public'
  ORDER BY 1, 2`;

/** The rows of _prisma_migrations, with ids and times only by their presence. */
const HISTORY = `
  SELECT migration_name, checksum, applied_steps_count, finished_at IS NOT NULL AS finished,
    rolled_back_at IS NOT NULL AS rolled_back, logs IS NOT NULL AS logged, length(id) AS id_length
  FROM _prisma_migrations ORDER BY started_at, migration_name`;

const IN_SYNC = {
  editedMigrationNames: [],
  failedMigrationNames: [],
  hasMigrationsTable: true,
  history: null,
};

describe('schema.prisma', () => {
  it('needs nothing that the migrations do not create', async () => {
    expect(await diffSchema(await emptyDatabase(), await readSchema())).toBe('');
  });

  it('with a new column needs a migration', async () => {
    const schema = (await readSchema()).replace('model Alert {', 'model Alert {\n  colour String?');
    expect(await diffSchema(await emptyDatabase(), schema)).toContain(
      'ALTER TABLE "alerts" ADD COLUMN     "colour" TEXT',
    );
  });
});

describe('the schema engine', () => {
  it('finds a database that our runner migrated in sync, with nothing to apply', async () => {
    const url = await emptyDatabase();
    await migrate(url);
    expect(await diagnose(url)).toEqual(IN_SYNC);
    expect(await applyWithEngine(url)).toEqual({ appliedMigrationNames: [] });
  });

  it('leaves nothing to apply for our runner', async () => {
    const url = await emptyDatabase();
    expect(await applyWithEngine(url)).toEqual({ appliedMigrationNames: await migrationNames() });
    expect(await migrate(url)).toEqual({ applied: [] });
  });

  it('creates the same tables, indexes and history as our runner', async () => {
    const [ours, theirs] = await Promise.all([emptyDatabase(), emptyDatabase()]);
    await migrate(ours);
    await applyWithEngine(theirs);
    expect(await query(ours, CATALOGUE)).toEqual(await query(theirs, CATALOGUE));
    expect(await query(ours, HISTORY)).toEqual(await query(theirs, HISTORY));
  });

  it('records a failure and its repair as our runner does', async () => {
    const [ours, theirs] = await Promise.all([emptyDatabase(), emptyDatabase()]);
    const [name = ''] = await migrationNames();
    for (const url of [ours, theirs]) await query(url, "CREATE TYPE alert_status AS ENUM ('in the way')");
    await expect(migrate(ours)).rejects.toThrow('already exists');
    await expect(applyWithEngine(theirs)).rejects.toThrow('already exists');
    expect(await query(ours, HISTORY)).toEqual(await query(theirs, HISTORY));
    expect((await diagnose(ours)).failedMigrationNames).toEqual([name]);
    await expect(migrate(theirs)).rejects.toThrow(`the migration ${name} failed in this database`);
    await markRolledBack(ours, name);
    await withSchemaEngine(theirs, (engine) => engine.markMigrationRolledBack({ migrationName: name }));
    for (const url of [ours, theirs]) await query(url, 'DROP TYPE alert_status');
    await migrate(ours);
    await applyWithEngine(theirs);
    expect(await query(ours, HISTORY)).toEqual(await query(theirs, HISTORY));
    expect(await diagnose(ours)).toEqual(IN_SYNC);
  });

  it('refuses a database with tables of another program, as our runner does', async () => {
    const url = await emptyDatabase();
    await query(url, 'CREATE TABLE invoices ()');
    await expect(applyWithEngine(url)).rejects.toThrow('not empty');
    await expect(migrate(url)).rejects.toThrow('the database has tables but no migrations');
  });
});
