import { MIGRATIONS, migrationNames } from './migration-files.ts';

/** Migrations by name: `missing` here, applied but `unknown` here, and `failed`: started but never finished. */
export type MigrationState = { missing: string[]; unknown: string[]; failed: string[] };

export type MigrationRow = { migration_name: string; finished_at: Date | null; rolled_back_at: Date | null };

/**
 * Compares a database's `_prisma_migrations` with prisma/migrations, in one query. A file that was edited after it was
 * applied makes no difference, as in `prisma migrate deploy`. `query` may throw errors with a SQLSTATE as `code`: 42P01
 * (no such table) counts as no migrations, other errors are rethrown.
 */
export async function readMigrationState(
  query: (sql: string) => Promise<MigrationRow[]>,
  folder: URL = MIGRATIONS,
): Promise<MigrationState> {
  const known = await migrationNames(folder);
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

/** Throws an error that says what to do, unless the database has exactly the migrations of this version. */
export function assertMigrated({ missing, unknown, failed }: MigrationState): void {
  if (failed.length > 0) {
    throw new Error(
      `the migration ${failed[0]} failed in this database, or is running right now: ` +
        `make sure that none of its changes remain, run \`node prisma/migrate.ts rolled-back ${failed[0]}\`, then \`npm run migrate\``,
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
