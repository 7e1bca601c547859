import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { databaseFields } from '#config/fields.ts';
import { parseConfig } from '#config/parse.ts';
import {
  ALL_TABLES,
  diffSchema,
  MIGRATIONS,
  migrationNames,
  readMigrations,
  readSchema,
  withSchemaEngine,
} from '#local/schema-diff.ts';

/** The advisory lock's key: any number nobody else locks on in this database. Prisma's own engine takes 72707369. */
export const MIGRATION_LOCK = 7_270_736_901;

/**
 * Brings a database to the newest migration of prisma/migrations, as `prisma migrate deploy` does, and names what it
 * applied. A second caller waits for the first, at most `lockTimeoutMs`, and then finds nothing to do. Throws one
 * sentence when the database cannot be reached, was migrated by a newer version, or a migration fails or has failed.
 */
export async function migrate(
  databaseUrl: string,
  options: { log?: (line: string) => void; lockTimeoutMs?: number } = {},
): Promise<{ applied: string[] }> {
  const { log = () => {}, lockTimeoutMs = 60_000 } = options;
  const client = await connect(databaseUrl);
  try {
    await takeLock(client, lockTimeoutMs);
    const state = await readMigrationState(async (sql) => (await client.query(sql)).rows);
    assertMigrated({ ...state, missing: [] });
    if (state.missing.length === 0) return { applied: [] };
    log(`applying ${state.missing.join(', ')}`);
    return { applied: await applyMigrations(databaseUrl) };
  } finally {
    await client.end();
  }
}

/**
 * Says of a migration that failed that nothing of it is left in the database, so that `migrate` tries it again. Throws
 * when it is not there, or has not failed.
 */
export async function markRolledBack(databaseUrl: string, migrationName: string): Promise<void> {
  await withSchemaEngine(databaseUrl, (engine) => engine.markMigrationRolledBack({ migrationName })).catch(oneSentence);
}

async function connect(databaseUrl: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 10_000 });
  client.on('error', () => {}); // the same error rejects the query under way, or the next one
  try {
    await client.connect();
    return client;
  } catch (cause) {
    // A name with several addresses fails with an AggregateError, whose message is empty.
    const [first] = cause instanceof AggregateError ? cause.errors : [cause];
    const { host } = new URL(databaseUrl);
    throw new Error(`cannot open the database at ${host}: ${first instanceof Error ? first.message : first}`, {
      cause,
    });
  }
}

// Session-level: it covers all that the engine does on its own connection, and ends with this one whatever happens.
async function takeLock(client: pg.Client, timeoutMs: number): Promise<void> {
  await client.query(`SET lock_timeout = ${timeoutMs}`);
  await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]).catch((cause: unknown) => {
    if (!(cause instanceof pg.DatabaseError && cause.code === '55P03')) throw cause;
    const seconds = timeoutMs / 1000;
    throw new Error(`another program has been migrating this database for ${seconds} s: wait for it, or end it`, {
      cause,
    });
  });
}

async function applyMigrations(databaseUrl: string): Promise<string[]> {
  const migrationsList = await readMigrations();
  const { appliedMigrationNames } = await withSchemaEngine(databaseUrl, (engine) =>
    engine.applyMigrations({ migrationsList, filters: ALL_TABLES }),
  ).catch(oneSentence);
  return appliedMigrationNames;
}

// The engine adds where in its own source it was, from '   0: ' on.
function oneSentence(cause: Error): never {
  const [text = ''] = cause.message.split(/^ +0: /m);
  throw new Error(`migrating failed: ${text.trim().replaceAll(/\s*\n\s*/g, ': ')}`, { cause });
}

/** Names of migrations: not applied here, applied but not known here, begun and never finished. */
export type MigrationState = { missing: string[]; unknown: string[]; failed: string[] };

export type MigrationRow = { migration_name: string; finished_at: Date | null; rolled_back_at: Date | null };

/**
 * Compares a database's `_prisma_migrations` with prisma/migrations, in one query. `query` runs SQL and may throw errors
 * with a SQLSTATE as `code`; any but 42P01 (the table is not there yet) is thrown on.
 */
export async function readMigrationState(query: (sql: string) => Promise<MigrationRow[]>): Promise<MigrationState> {
  const known = await migrationNames();
  const sql = 'SELECT migration_name, finished_at, rolled_back_at FROM _prisma_migrations WHERE rolled_back_at IS NULL';
  const rows = await query(sql).catch((error: unknown): MigrationRow[] => {
    if (error instanceof Error && 'code' in error && error.code === '42P01') return [];
    throw error;
  });
  const names = rows.map((row) => row.migration_name);
  return {
    missing: known.filter((name) => !names.includes(name)),
    unknown: names.filter((name) => !known.includes(name)).sort(),
    failed: rows.filter((row) => row.finished_at === null).map((row) => row.migration_name),
  };
}

/** Throws one sentence, with what to do, unless the database is exactly at the newest migration known here. */
export function assertMigrated({ missing, unknown, failed }: MigrationState): void {
  if (failed.length > 0) {
    throw new Error(
      `the migration ${failed[0]} failed half-way in this database, or is being applied right now: ` +
        `make sure that nothing of it is left, run \`node prisma/migrate.ts rolled-back ${failed[0]}\`, then \`npm run migrate\``,
    );
  }
  if (unknown.length > 0) {
    throw new Error(
      `the database was migrated by a newer version of this program (${unknown.join(', ')}): run that version`,
    );
  }
  if (missing.length > 0) {
    throw new Error(
      `the database lacks ${missing.length === 1 ? 'the migration' : 'the migrations'} ${missing.join(', ')}: run \`npm run migrate\``,
    );
  }
}

/** Writes the migration that schema.prisma still needs, and returns its file; undefined when it needs none. */
async function writeMigration(name: string): Promise<string | undefined> {
  const { startEmbeddedPostgres } = await import('#local/postgres/embedded.ts');
  const dataDir = await mkdtemp(join(tmpdir(), 'shadow-'));
  const shadow = await startEmbeddedPostgres({ dataDir, durable: false });
  const sql = await diffSchema(shadow.url, await readSchema()).finally(async () => {
    await shadow.stop();
    await rm(dataDir, { recursive: true });
  });
  if (sql === '') return undefined;
  const folder = new URL(`./${new Date().toISOString().replaceAll(/\D/g, '').slice(0, 14)}_${name}/`, MIGRATIONS);
  await mkdir(folder);
  await writeFile(new URL('./migration.sql', folder), sql);
  return new URL('./migration.sql', folder).pathname;
}

async function main([command, name]: string[]): Promise<string> {
  if (command === 'diff' && name) return (await writeMigration(name)) ?? 'schema.prisma and the migrations agree';
  const { DATABASE_URL } = parseConfig(databaseFields, process.env);
  if (command === 'rolled-back' && name) {
    await markRolledBack(DATABASE_URL, name);
    return `${name} counts as rolled back`;
  }
  if (command !== undefined) throw new Error('usage: node prisma/migrate.ts [diff NAME | rolled-back NAME]');
  const { applied } = await migrate(DATABASE_URL);
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
