import packageJson from '../package.json' with { type: 'json' };
import { leastVersion, MIGRATIONS, migrationNames, versionAtLeast } from './migration-files.ts';

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

/**
 * Throws an error that says what to do, unless this version can run on the database. Migrations of newer versions are no
 * error: they only add to the schema, so that the previous version runs during an upgrade and after a rollback. Only a
 * contract step removes something, and its name has the oldest version that can run after it.
 */
export function assertMigrated({ missing, unknown, failed }: MigrationState, version = packageJson.version): void {
  // One of a newer version may be running right now: building an index takes minutes, and this version does not need it.
  const own = failed.filter((name) => !unknown.includes(name));
  if (own.length > 0) {
    throw new Error(
      `the migration ${own[0]} failed in this database, or is running right now: ` +
        `make sure that none of its changes remain, run \`node prisma/migrate.ts rolled-back ${own[0]}\`, then \`npm run migrate\``,
    );
  }
  const newer = unknown.filter((name) => !versionAtLeast(version, leastVersion(name)));
  if (newer.length > 0) {
    throw new Error(
      `the database was migrated by a newer version of this program (${newer.join(', ')}), ` +
        `and version ${version} cannot run on it: run that version`,
    );
  }
  if (missing.length > 0) {
    throw new Error(
      `the database lacks ${missing.length === 1 ? 'the migration' : 'the migrations'} ${missing.join(', ')}: run \`npm run migrate\``,
    );
  }
}
