import type { Database } from './client.ts';
import { type MigrationRow, readMigrationState } from './migration-state.ts';

/** Migrations by name, oldest first. `newer`: applied by a newer version of this program. */
export type Migrations = {
  applied: { name: string; appliedAt: Date }[];
  pending: string[];
  newer: string[];
  /** Started and not finished. */
  failed: string[];
};

/** Compares the database's migrations with those of this program. */
export async function readMigrations(db: Database): Promise<Migrations> {
  let rows: MigrationRow[] = [];
  const state = await readMigrationState(async (sql) => {
    rows = await db.$queryRawUnsafe<MigrationRow[]>(sql);
    return rows;
  });
  const applied = rows.flatMap(({ migration_name: name, finished_at: appliedAt }) =>
    appliedAt === null ? [] : [{ name, appliedAt }],
  );
  applied.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { applied, pending: state.missing, newer: state.unknown, failed: state.failed };
}

/** Returns the version of PostgreSQL, such as `18.0`. */
export async function readPostgresVersion(db: Database): Promise<string> {
  const [row] = await db.$queryRaw<{ version: string }[]>`SELECT current_setting('server_version') AS version`;
  return row?.version ?? 'unknown';
}
