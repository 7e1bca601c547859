import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { databaseFields, directUrl } from '#config/fields.ts';
import { parseConfig } from '#config/parse.ts';
import { withConnection } from './connection.ts';
import { MIGRATIONS, type MigrationFile, readMigration } from './migration-files.ts';
import { assertMigrated, readMigrationState } from './migration-state.ts';

// A custom runner instead of `prisma migrate deploy`: the CLI downloads a native engine from its vendor's host. The
// table is the CLI's, so `prisma migrate status` and later CLI runs agree with it.

/** The Prisma CLI's own advisory lock: a CLI run and this runner exclude each other. */
export const MIGRATION_LOCK = 72_707_369;
const LOCK_RETRY_MS = 100;

// A statement that waits for a table blocks every statement that comes after it: after 5 s it lets them pass, then tries
// again. CREATE INDEX CONCURRENTLY blocks nobody and waits for the oldest transaction, so it may wait as long as it runs.
const TABLE_LOCK_TIMEOUT_MS = 5_000;
const TABLE_LOCK_TRIES = 12;
const SESSION_OPTIONS = '-c statement_timeout=1h -c idle_in_transaction_session_timeout=1min';
/** SQLSTATE lock_not_available. */
const LOCK_NOT_AVAILABLE = '55P03';

export type MigrateOptions = {
  log?: (line: string) => void;
  /** Longest wait for another run. */
  lockTimeoutMs?: number;
  /** Longest wait for a table that other sessions use, per try. */
  tableLockTimeoutMs?: number;
  folder?: URL;
};

/**
 * Applies the missing migrations of prisma/migrations in order, as `prisma migrate deploy` does, and returns their names.
 * Waits at most `lockTimeoutMs` for another run. Throws if the database is unreachable, lacks what a newer version removed,
 * is not empty and has no migrations, or if a migration fails or has failed before.
 */
export async function migrate(databaseUrl: string, options: MigrateOptions = {}): Promise<{ applied: string[] }> {
  const { log = () => {}, lockTimeoutMs = 60_000, tableLockTimeoutMs = TABLE_LOCK_TIMEOUT_MS } = options;
  const { folder = MIGRATIONS } = options;
  return withClient(databaseUrl, async (client) => {
    await acquireLock(client, lockTimeoutMs, log);
    const state = await readMigrationState(async (sql) => (await client.query(sql)).rows, folder);
    assertMigrated({ ...state, missing: [] });
    if (state.missing.length === 0) return { applied: [] };
    log(`applying ${state.missing.join(', ')}`);
    await createTable(client);
    for (const name of state.missing) await apply(client, await readMigration(name, folder), tableLockTimeoutMs);
    return { applied: state.missing };
  });
}

/**
 * Records that none of the changes of a failed migration remain, so that `migrate` tries it again; the same as
 * `prisma migrate resolve --rolled-back`. Throws if the migration has not failed.
 */
export async function markRolledBack(databaseUrl: string, name: string): Promise<void> {
  const update = `UPDATE _prisma_migrations SET rolled_back_at = now()
    WHERE migration_name = $1 AND finished_at IS NULL AND rolled_back_at IS NULL`;
  const { rowCount } = await withClient(databaseUrl, (client) => client.query(update, [name]));
  if (rowCount === 0) throw new Error(`the migration ${name} has not failed in this database`);
}

function withClient<Result>(databaseUrl: string, work: (client: pg.Client) => Promise<Result>): Promise<Result> {
  return withConnection(databaseUrl, { options: SESSION_OPTIONS }, work);
}

// Polls instead of waiting inside PostgreSQL: CREATE INDEX CONCURRENTLY waits for every running statement, one that waits
// for this lock too, and PostgreSQL would end the deadlock by failing the migration.
async function acquireLock(client: pg.Client, timeoutMs: number, log: (line: string) => void): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (let first = true; ; first = false) {
    const { rows } = await client.query('SELECT pg_try_advisory_lock($1) AS locked', [MIGRATION_LOCK]);
    if (rows[0]?.locked) return;
    if (first) log('waiting for another program that migrates this database');
    if (performance.now() >= deadline) {
      const seconds = timeoutMs / 1_000;
      throw new Error(`another program has been migrating this database for ${seconds} s: wait for it, or end it`);
    }
    await sleep(LOCK_RETRY_MS);
  }
}

// Column by column what the Prisma CLI creates.
const TABLE = `CREATE TABLE _prisma_migrations (
  id VARCHAR(36) PRIMARY KEY NOT NULL,
  checksum VARCHAR(64) NOT NULL,
  finished_at TIMESTAMPTZ,
  migration_name VARCHAR(255) NOT NULL,
  logs TEXT,
  rolled_back_at TIMESTAMPTZ,
  started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  applied_steps_count INTEGER NOT NULL DEFAULT 0
)`;

// Default privileges of prisma/roles.sql let the application's role write every new table; not this one.
const READ_ONLY = `DO $$
  DECLARE role regrole;
  BEGIN
    FOR role IN SELECT DISTINCT grantee::regrole FROM pg_class, aclexplode(relacl)
      WHERE oid = '_prisma_migrations'::regclass AND grantee NOT IN (0, relowner) LOOP
      EXECUTE format('REVOKE INSERT, UPDATE, DELETE ON _prisma_migrations FROM %s', role);
    END LOOP;
  END $$`;

async function createTable(client: pg.Client): Promise<void> {
  const tables = `SELECT relname AS name FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')`;
  const names = (await client.query<{ name: string }>(tables)).rows.map(({ name }) => name);
  if (names.includes('_prisma_migrations')) return;
  if (names.length > 0) {
    throw new Error(`the database has tables but no migrations (${names.join(', ')}): use an empty database`);
  }
  await createMigrationsTable(client);
}

/** Creates the table of migrations, empty. The application's role can read it only. */
export async function createMigrationsTable(client: pg.Client): Promise<void> {
  await client.query(TABLE);
  await client.query(READ_ONLY);
}

/** Runs one migration and writes its row. If it fails, the row keeps the error in `logs` and has no `finished_at`. */
async function apply(client: pg.Client, migration: MigrationFile, tableLockTimeoutMs: number): Promise<void> {
  const { name, sql, checksum, noTransaction } = migration;
  const id = randomUUID();
  const insert = 'INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES ($1, $2, $3)';
  await client.query(insert, [id, checksum, name]);
  try {
    if (noTransaction) await runStatement(client, sql);
    else await runScript(client, sql, tableLockTimeoutMs);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    const code = cause instanceof pg.DatabaseError ? `Database error code: ${cause.code}\n\n` : '';
    const logs = `A migration failed to apply.\n\nMigration name: ${name}\n\n${code}Database error:\nERROR: ${message}\n`;
    // A script that only waited has changed nothing: the next run may try again without an operator.
    const rolledBack = !noTransaction && isLockTimeout(cause);
    const update = `UPDATE _prisma_migrations SET logs = $2${rolledBack ? ', rolled_back_at = now()' : ''} WHERE id = $1`;
    // If the connection was lost, the row stays without logs; the error below says why.
    await client.query(update, [id, logs]).catch(() => {});
    throw new Error(`the migration ${name} failed: ${message}`, { cause });
  }
  const finish =
    'UPDATE _prisma_migrations SET finished_at = now(), applied_steps_count = applied_steps_count + 1 WHERE id = $1';
  await client.query(finish, [id]);
}

/** Sends the script whole, which is one transaction: a migration that fails leaves no change. */
async function runScript(client: pg.Client, sql: string, tableLockTimeoutMs: number): Promise<void> {
  await client.query(`SET lock_timeout = ${tableLockTimeoutMs}`);
  for (let tries = 1; ; tries += 1) {
    try {
      await client.query(sql);
      return;
    } catch (error) {
      await client.query('ROLLBACK').catch(() => {}); // of a script that opened its own transaction
      if (!isLockTimeout(error) || tries === TABLE_LOCK_TRIES) throw error;
      await sleep(tableLockTimeoutMs);
    }
  }
}

/**
 * Sends one statement outside a transaction. It is a prepared statement, of which PostgreSQL accepts only one: CREATE INDEX
 * CONCURRENTLY needs a file of its own. That also is the only form in which the Prisma CLI can run it.
 */
async function runStatement(client: pg.Client, sql: string): Promise<void> {
  await client.query('SET lock_timeout = 0');
  await client.query({ text: sql, queryMode: 'extended' } as pg.QueryConfig); // @types/pg lacks it
}

function isLockTimeout(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === LOCK_NOT_AVAILABLE;
}

async function main([command, name]: string[]): Promise<string> {
  const databaseUrl = directUrl(parseConfig(databaseFields, process.env));
  if (command === 'rolled-back' && name) {
    await markRolledBack(databaseUrl, name);
    return `${name} is marked as rolled back`;
  }
  if (command !== undefined) throw new Error('usage: node prisma/migrate.ts [rolled-back NAME]');
  const { applied } = await migrate(databaseUrl);
  return applied.length === 0 ? 'nothing to migrate' : `migrated: ${applied.join(', ')}`;
}

if (import.meta.main) {
  await main(process.argv.slice(2)).then(
    (line) => process.stdout.write(`${line}\n`),
    (error: Error) => {
      process.stderr.write(`${error.message}\n`);
      process.exitCode = 1;
    },
  );
}
