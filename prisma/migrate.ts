import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { databaseFields, parseConfig } from './config.ts';
import {
  ALL_TABLES,
  diffSchema,
  MIGRATIONS,
  migrationNames,
  readMigrations,
  readSchema,
  withSchemaEngine,
} from './schema-engine.ts';

// Any number that nobody else locks on in this database; Prisma's own engine takes 72707369 for itself.
const LOCK = 7_270_736_901;

/**
 * Brings a database to the newest migration of prisma/migrations, as `prisma migrate deploy` does, and names what it
 * applied. A second caller waits for the first, at most `lockTimeoutMs`, and then finds nothing to do. Throws when the
 * database cannot be reached, was migrated by a newer version, or has a migration that failed half-way.
 */
export async function migrate(
  databaseUrl: string,
  options: { log?: (line: string) => void; lockTimeoutMs?: number } = {},
): Promise<{ applied: string[] }> {
  const { log = () => {}, lockTimeoutMs = 60_000 } = options;
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 10_000 });
  client.on('error', () => {}); // the same error rejects the query under way, or the next one
  await client.connect();
  try {
    await client.query(`SET lock_timeout = ${lockTimeoutMs}`);
    // Session-level: it covers all of the engine's connections, and ends with this one whatever happens.
    await client.query('SELECT pg_advisory_lock($1)', [LOCK]);
    const state = await readMigrationState(async (sql) => (await client.query(sql)).rows);
    assertMigrated({ ...state, missing: [] });
    if (state.missing.length === 0) return { applied: [] };
    log(`applying ${state.missing.join(', ')}`);
    const migrationsList = await readMigrations();
    const result = await withSchemaEngine(databaseUrl, (engine) =>
      engine.applyMigrations({ migrationsList, filters: ALL_TABLES }),
    );
    return { applied: result.appliedMigrationNames };
  } catch (error) {
    if (!(error instanceof pg.DatabaseError && error.code === '55P03')) throw error;
    throw new Error(
      `Another program has been migrating this database for ${lockTimeoutMs / 1000} s: wait for it, or end it`,
      {
        cause: error,
      },
    );
  } finally {
    await client.end();
  }
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
      `the migration ${failed.join(', ')} failed half-way in this database: mend what it left, then run \`npx prisma migrate resolve\``,
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
  const { startEmbeddedPostgres } = await import('./embedded.ts');
  const dataDir = await mkdtemp(join(tmpdir(), 'shadow-'));
  const shadow = await startEmbeddedPostgres({ dataDir, durable: false });
  const sql = await diffSchema(shadow.url, await readSchema()).finally(shadow.stop);
  await rm(dataDir, { recursive: true });
  if (sql === '') return undefined;
  const folder = new URL(`./${new Date().toISOString().replaceAll(/\D/g, '').slice(0, 14)}_${name}/`, MIGRATIONS);
  await mkdir(folder);
  await writeFile(new URL('./migration.sql', folder), sql);
  return new URL('./migration.sql', folder).pathname;
}

async function main([command, name]: string[]): Promise<void> {
  const print = (line: string) => process.stdout.write(`${line}\n`);
  if (command === 'diff' && name) {
    print((await writeMigration(name)) ?? 'schema.prisma and the migrations agree');
  } else if (command === undefined) {
    const { applied } = await migrate(parseConfig(databaseFields, process.env).DATABASE_URL);
    print(applied.length === 0 ? 'nothing to migrate' : `migrated: ${applied.join(', ')}`);
  } else {
    throw new Error('usage: node prisma/migrate.ts [diff NAME]');
  }
}

if (import.meta.main) {
  await main(process.argv.slice(2)).catch((error: Error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  });
}
