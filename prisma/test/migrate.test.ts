// Over 250 lines: every state in which a database can be, each with the error text that says what to do.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { compileCache } from '#test/harness/process.ts';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { MIGRATION_LOCK, markRolledBack, migrate } from '../migrate.ts';
import { MIGRATIONS, migrationNames } from '../migration-files.ts';
import { type MigrationRow, readMigrationState } from '../migration-state.ts';

const PROGRAM = new URL('../migrate.ts', import.meta.url).pathname;
/** One row per other session that tries to take the migration lock. */
const WAITING = `SELECT 1 FROM pg_stat_activity
  WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%pg_try_advisory_lock%'`;

async function emptyDatabase(): Promise<string> {
  const database = await createTestDatabase({ empty: true });
  onTestFinished(database.drop);
  return database.url;
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

/** Writes a migrations folder with the given scripts, in their order. */
async function folderWith(...scripts: string[]): Promise<URL> {
  const folder = await mkdtemp(join(tmpdir(), 'migrations-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const [index, sql] of scripts.entries()) {
    await mkdir(join(folder, `${index + 1}_test`));
    await writeFile(join(folder, `${index + 1}_test`, 'migration.sql'), sql);
  }
  return pathToFileURL(`${folder}/`);
}

const stateOf = (client: pg.Client, folder = MIGRATIONS) =>
  readMigrationState(async (sql) => (await client.query<MigrationRow>(sql)).rows, folder);
const rowsOf = async (client: pg.Client) =>
  (await client.query('SELECT * FROM _prisma_migrations ORDER BY started_at, migration_name')).rows;

describe('migrate', () => {
  it('applies every migration, and none the second time', async () => {
    const url = await emptyDatabase();
    const lines: string[] = [];
    expect(await migrate(url, { log: (line) => lines.push(line) })).toEqual({ applied: await migrationNames() });
    expect(lines).toEqual([`applying ${(await migrationNames()).join(', ')}`]);
    const client = await connect(url);
    const before = await rowsOf(client);
    expect(await migrate(url)).toEqual({ applied: [] });
    expect(await rowsOf(client)).toEqual(before);
  });

  it('records name, SHA-256 of the file, start, end and one step', async () => {
    const url = await emptyDatabase();
    await migrate(url);
    const rows = await rowsOf(await connect(url));
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
    // PostgreSQL removes a closed session with a delay.
    await expect.poll(async () => (await client.query(others)).rowCount, { timeout: 150_000 }).toBe(0);
  });

  it('applies a file that was edited after it was applied only once, as the Prisma CLI does', async () => {
    const url = await emptyDatabase();
    const folder = await folderWith('CREATE TABLE a ()');
    await migrate(url, { folder });
    await writeFile(new URL('./1_test/migration.sql', folder), 'CREATE TABLE b ()');
    expect(await migrate(url, { folder })).toEqual({ applied: [] });
  });

  it('leaves a database as it is whose newer migrations only add to the schema', async () => {
    const url = await emptyDatabase();
    await migrate(url);
    const client = await connect(url);
    await client.query(`INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at)
      VALUES ('x', 'x', '29990101000000_colours', now())`);
    expect((await stateOf(client)).unknown).toEqual(['29990101000000_colours']);
    expect(await migrate(url)).toEqual({ applied: [] });
  });

  it('refuses a database that a newer version took something from', async () => {
    const url = await emptyDatabase();
    await migrate(url);
    const client = await connect(url);
    await client.query(`INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at)
      VALUES ('x', 'x', '29990101000000_contract_99_0_0_colours', now())`);
    await expect(migrate(url)).rejects.toThrow(
      'the database was migrated by a newer version of this program (29990101000000_contract_99_0_0_colours)',
    );
  });

  it('refuses a database with tables of another program', async () => {
    const url = await emptyDatabase();
    const client = await connect(url);
    await client.query('CREATE TABLE invoices ()');
    await expect(migrate(url)).rejects.toThrow('the database has tables but no migrations (invoices)');
    expect((await client.query("SELECT 1 FROM pg_class WHERE relname = '_prisma_migrations'")).rowCount).toBe(0);
  });
});

describe('the migration lock', () => {
  it('lets two programs that start at the same time migrate once', async () => {
    const DATABASE_URL = await emptyDatabase();
    const holder = await connect(DATABASE_URL);
    await holder.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    const run = () => promisify(execFile)(process.execPath, [PROGRAM], { env: { ...compileCache(), DATABASE_URL } });
    const both = Promise.all([run(), run()]);
    await expect.poll(async () => (await holder.query(WAITING)).rowCount, { timeout: 150_000 }).toBe(2);
    await holder.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]);
    const output = (await both).map(({ stdout }) => stdout).sort();
    expect(output).toEqual([`migrated: ${(await migrationNames()).join(', ')}\n`, 'nothing to migrate\n']);
  });

  it('makes a second run wait for a migration in progress, and find nothing to do', async () => {
    const url = await emptyDatabase();
    await migrate(url);
    const other = await connect(url);
    await other.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await other.query('UPDATE _prisma_migrations SET finished_at = NULL');
    const waiting = Promise.withResolvers<string>();
    const second = migrate(url, { log: waiting.resolve });
    expect(await waiting.promise).toBe('waiting for another program that migrates this database');
    await other.query('UPDATE _prisma_migrations SET finished_at = now()');
    await other.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]);
    expect(await second).toEqual({ applied: [] });
  });

  it('is waited for no longer than lockTimeoutMs', async () => {
    const url = await emptyDatabase();
    await (await connect(url)).query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await expect(migrate(url, { lockTimeoutMs: 100 })).rejects.toThrow(
      'another program has been migrating this database for 0.1 s',
    );
  });
});

describe('a migration that fails', () => {
  it('leaves only its row, is refused, and can be tried again after rolled-back', async () => {
    const url = await emptyDatabase();
    const [name = ''] = await migrationNames();
    const client = await connect(url);
    await client.query("CREATE TYPE alert_status AS ENUM ('in the way')");
    await expect(migrate(url)).rejects.toThrow(`the migration ${name} failed: type "alert_status" already exists`);
    expect((await client.query("SELECT 1 FROM pg_type WHERE typname = 'failure_code'")).rowCount).toBe(0);
    expect(await rowsOf(client)).toMatchObject([
      {
        migration_name: name,
        logs: expect.stringMatching(/Database error code: 42710[\s\S]*type "alert_status" already exists/),
        finished_at: null,
        rolled_back_at: null,
        applied_steps_count: 0,
      },
    ]);
    expect((await stateOf(client)).failed).toEqual([name]);
    await expect(migrate(url)).rejects.toThrow(`the migration ${name} failed in this database`);
    await client.query('DROP TYPE alert_status');
    await markRolledBack(url, name);
    expect(await migrate(url)).toEqual({ applied: await migrationNames() });
    expect(await stateOf(client)).toEqual({ missing: [], unknown: [], failed: [] });
  });

  it('stops the run, and undoes a transaction that the script opened itself', async () => {
    const url = await emptyDatabase();
    const folder = await folderWith('BEGIN; CREATE TABLE a (); SELECT 1 / 0; COMMIT;', 'CREATE TABLE b ()');
    await expect(migrate(url, { folder })).rejects.toThrow('the migration 1_test failed: division by zero');
    const client = await connect(url);
    expect((await client.query("SELECT 1 FROM pg_class WHERE relname IN ('a', 'b')")).rowCount).toBe(0);
    expect(await rowsOf(client)).toMatchObject([
      { migration_name: '1_test', logs: expect.stringContaining('division by zero') },
    ]);
  });

  it('is the only kind that can be marked as rolled back', async () => {
    const url = await emptyDatabase();
    await migrate(url);
    const [name = ''] = await migrationNames();
    await expect(markRolledBack(url, name)).rejects.toThrow(`the migration ${name} has not failed`);
    await expect(markRolledBack(url, 'unknown')).rejects.toThrow('the migration unknown has not failed');
  });
});

describe('a migration that waits for a table', () => {
  it('lets other statements pass between its tries, and is applied once the table is free', async () => {
    const url = await emptyDatabase();
    const folder = await folderWith('CREATE TABLE a (b int)', 'ALTER TABLE a ADD COLUMN c int');
    await migrate(url, { folder: await folderWith('CREATE TABLE a (b int)') });
    const dump = await connect(url);
    await dump.query('BEGIN');
    await dump.query('SELECT * FROM a');
    const migrated = migrate(url, { folder, tableLockTimeoutMs: 200 });
    const waiting = `SELECT 1 FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'ALTER TABLE a %'`;
    const observer = await connect(url);
    await expect.poll(async () => (await observer.query(waiting)).rowCount, { timeout: 150_000, interval: 10 }).toBe(1);
    await observer.query('SELECT * FROM a'); // queued behind ALTER TABLE until its try ends
    await dump.query('COMMIT');
    expect(await migrated).toEqual({ applied: ['2_test'] });
  });

  it('can be repeated without an operator after its last try', async () => {
    const url = await emptyDatabase();
    const folder = await folderWith('CREATE TABLE a (b int)', 'ALTER TABLE a ADD COLUMN c int');
    await migrate(url, { folder: await folderWith('CREATE TABLE a (b int)') });
    const dump = await connect(url);
    await dump.query('BEGIN');
    await dump.query('SELECT * FROM a');
    await expect(migrate(url, { folder, tableLockTimeoutMs: 10 })).rejects.toThrow(
      'the migration 2_test failed: canceling statement due to lock timeout',
    );
    await dump.query('COMMIT');
    expect(await migrate(url, { folder })).toEqual({ applied: ['2_test'] });
  });
});

describe('a migration that starts with -- no transaction', () => {
  const CONCURRENTLY = '-- no transaction\nCREATE INDEX CONCURRENTLY a_b ON a (b);\n';

  it('builds an index concurrently, while another run waits for the lock', async () => {
    const url = await emptyDatabase();
    const folder = await folderWith('CREATE TABLE a (b int)', CONCURRENTLY);
    const holder = await connect(url);
    await holder.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    const both = Promise.all([migrate(url, { folder }), migrate(url, { folder })]);
    await expect.poll(async () => (await holder.query(WAITING)).rowCount, { timeout: 150_000 }).toBe(2);
    await holder.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]);
    expect((await both).map(({ applied }) => applied.length).sort()).toEqual([0, 2]);
    const index = "SELECT indisvalid AS valid FROM pg_index WHERE indexrelid = 'a_b'::regclass";
    expect((await holder.query(index)).rows).toEqual([{ valid: true }]);
  });

  it('may hold one statement only', async () => {
    const url = await emptyDatabase();
    const folder = await folderWith(`-- no transaction\nCREATE TABLE a (b int);\nCREATE INDEX ON a (b);\n`);
    await expect(migrate(url, { folder })).rejects.toThrow('cannot insert multiple commands into a prepared statement');
  });
});

describe('the program', () => {
  const DATABASE_URL = 'postgres://u:secret@127.0.0.1:1/x';

  it.each([
    ['no database', { DATABASE_URL }, [], 'cannot open the database at 127.0.0.1:1: '],
    [
      'no database behind a pooler',
      { DATABASE_URL: 'postgres://u:secret@127.0.0.1:2/x', DATABASE_DIRECT_URL: DATABASE_URL },
      [],
      'cannot open the database at 127.0.0.1:1: ',
    ],
    ['no DATABASE_URL', {}, [], 'DATABASE_URL: is required and not set\n'],
    ['an unknown command', { DATABASE_URL }, ['up'], 'usage: node prisma/migrate.ts'],
  ])('ends with a sentence and code 1: %s', async (_, env, args, sentence) => {
    const failure = await promisify(execFile)(process.execPath, [PROGRAM, ...args], {
      env: { ...compileCache(), ...env },
    }).catch((error) => error);
    expect(failure.code).toBe(1);
    expect(failure.stderr).toContain(sentence);
    expect(failure.stderr).not.toContain('secret');
  });
});
