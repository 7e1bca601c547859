import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterEach, expect, it } from 'vitest';
import { diffSchema, MIGRATIONS, migrationNames, readSchema } from '#local/schema-diff.ts';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { openDatabase } from '../client.ts';
import {
  assertMigrated,
  MIGRATION_LOCK,
  type MigrationRow,
  markRolledBack,
  migrate,
  readMigrationState,
} from '../migrate.ts';

const PROGRAM = new URL('../migrate.ts', import.meta.url).pathname;
/** One row for each session that waits for an advisory lock. */
const WAITING = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'";
const open: Array<() => Promise<unknown>> = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function emptyDatabase() {
  const database = await createTestDatabase({ empty: true });
  open.push(database.drop);
  return database.url;
}

async function connect(url: string) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  open.push(() => client.end());
  return client;
}

const stateOf = (client: pg.Client) => readMigrationState(async (sql) => (await client.query<MigrationRow>(sql)).rows);

it('schema.prisma asks for nothing that the migrations do not make', async () => {
  expect(await diffSchema(await emptyDatabase(), await readSchema())).toBe('');
});

it('a column that no migration makes is found', async () => {
  const schema = (await readSchema()).replace('model Alert {', 'model Alert {\n  colour String?');
  expect(await diffSchema(await emptyDatabase(), schema)).toContain(
    'ALTER TABLE "alerts" ADD COLUMN     "colour" TEXT',
  );
});

it('applies every migration, and the second time none', async () => {
  const url = await emptyDatabase();
  const told: string[] = [];
  expect(await migrate(url, { log: (line) => told.push(line) })).toEqual({ applied: await migrationNames() });
  expect(told).toEqual([`applying ${(await migrationNames()).join(', ')}`]);
  const client = await connect(url);
  const before = (await client.query('SELECT * FROM _prisma_migrations')).rows;
  expect(await migrate(url)).toEqual({ applied: [] });
  expect((await client.query('SELECT * FROM _prisma_migrations')).rows).toEqual(before);
});

it('records a migration as the CLI does: name, SHA-256 of the file, finished, one step', async () => {
  const url = await emptyDatabase();
  await migrate(url);
  const { rows } = await (await connect(url)).query('SELECT * FROM _prisma_migrations ORDER BY migration_name');
  for (const [index, name] of (await migrationNames()).entries()) {
    const file = await readFile(new URL(`./${name}/migration.sql`, MIGRATIONS));
    expect(rows[index]).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      checksum: createHash('sha256').update(file).digest('hex'),
      finished_at: expect.any(Date),
      migration_name: name,
      logs: null,
      rolled_back_at: null,
      started_at: expect.any(Date),
      applied_steps_count: 1,
    });
  }
});

it('leaves no connection open', async () => {
  const url = await emptyDatabase();
  await migrate(url);
  const client = await connect(url);
  const others = 'SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()';
  // The server takes a moment to note that a client has hung up.
  await expect.poll(async () => (await client.query(others)).rowCount).toBe(0);
});

it('two programs that start at once migrate once', async () => {
  const DATABASE_URL = await emptyDatabase();
  const gate = await connect(DATABASE_URL);
  await gate.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
  const run = () => promisify(execFile)(process.execPath, [PROGRAM], { env: { DATABASE_URL } });
  const both = Promise.all([run(), run()]);
  await expect.poll(async () => (await gate.query(WAITING)).rowCount, { timeout: 10_000 }).toBe(2);
  await gate.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]);
  const said = (await both).map(({ stdout }) => stdout).sort();
  expect(said).toEqual([`migrated: ${(await migrationNames()).join(', ')}\n`, 'nothing to migrate\n']);
});

it('waits for a migration under way, and then finds nothing to do', async () => {
  const url = await emptyDatabase();
  await migrate(url);
  const other = await connect(url);
  await other.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
  await other.query('UPDATE _prisma_migrations SET finished_at = NULL');
  const second = migrate(url);
  await Promise.race([second, expect.poll(async () => (await other.query(WAITING)).rowCount).toBe(1)]);
  await other.query('UPDATE _prisma_migrations SET finished_at = now()');
  await other.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]);
  expect(await second).toEqual({ applied: [] });
});

it('waits for another program no longer than it was told', async () => {
  const url = await emptyDatabase();
  await (await connect(url)).query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
  await expect(migrate(url, { lockTimeoutMs: 100 })).rejects.toThrow(
    'another program has been migrating this database for 0.1 s',
  );
});

it('a database without migrations lacks them all, seen through the Prisma client too', async () => {
  const db = openDatabase(await emptyDatabase(), { poolSize: 1, onError: () => {} });
  open.push(() => db.$disconnect());
  const state = await readMigrationState((sql) => db.$queryRawUnsafe<MigrationRow[]>(sql));
  expect(state).toEqual({ missing: await migrationNames(), unknown: [], failed: [] });
  expect(() => assertMigrated(state)).toThrow(/^the database lacks the migrations? .*: run `npm run migrate`$/);
});

it('a database that does not answer is not taken for an empty one', async () => {
  const gone = Object.assign(new Error('gone'), { code: '08006' });
  await expect(readMigrationState(() => Promise.reject(gone))).rejects.toBe(gone);
});

it('a migrated database is accepted', async () => {
  const url = await emptyDatabase();
  await migrate(url);
  const state = await stateOf(await connect(url));
  expect(state).toEqual({ missing: [], unknown: [], failed: [] });
  expect(() => assertMigrated(state)).not.toThrow();
});

it('a database migrated by a newer version is refused, and not migrated', async () => {
  const url = await emptyDatabase();
  await migrate(url);
  const client = await connect(url);
  await client.query(`INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at)
    VALUES ('x', 'x', '29990101000000_colours', now())`);
  const sentence = 'the database was migrated by a newer version of this program (29990101000000_colours)';
  expect((await stateOf(client)).unknown).toEqual(['29990101000000_colours']);
  await expect(migrate(url)).rejects.toThrow(sentence);
});

it('a migration that fails leaves nothing behind but its record, is refused, and can be tried again', async () => {
  const url = await emptyDatabase();
  const [name = ''] = await migrationNames();
  const client = await connect(url);
  await client.query("CREATE TYPE alert_status AS ENUM ('in the way')");
  await expect(migrate(url)).rejects.toThrow(/^migrating failed: .*type "alert_status" already exists$/);
  expect((await client.query("SELECT 1 FROM pg_type WHERE typname = 'failure_code'")).rowCount).toBe(0);
  expect((await stateOf(client)).failed).toEqual([name]);
  await expect(migrate(url)).rejects.toThrow(`the migration ${name} failed half-way`);
  await client.query('DROP TYPE alert_status');
  await markRolledBack(url, name);
  expect(await migrate(url)).toEqual({ applied: await migrationNames() });
  expect(await stateOf(client)).toEqual({ missing: [], unknown: [], failed: [] });
});

it.each([
  [
    'no database',
    { DATABASE_URL: 'postgres://u:secret@127.0.0.1:1/x' },
    [],
    'cannot open the database at 127.0.0.1:1: ',
  ],
  ['no DATABASE_URL', {}, [], 'DATABASE_URL: is required and not set\n'],
  ['an unknown word', { DATABASE_URL: 'postgres://u:secret@127.0.0.1:1/x' }, ['up'], 'usage: node prisma/migrate.ts'],
])('as a program, %s ends with a sentence and code 1', async (_, env, args, sentence) => {
  const failure = await promisify(execFile)(process.execPath, [PROGRAM, ...args], { env }).catch((error) => error);
  expect(failure.code).toBe(1);
  expect(failure.stderr).toContain(sentence);
  expect(failure.stderr).not.toContain('secret');
});
