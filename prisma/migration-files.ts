import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';

export const MIGRATIONS = new URL('./migrations/', import.meta.url);

export type MigrationFile = {
  name: string;
  sql: string;
  /** SHA-256 of migration.sql in hex, as the Prisma CLI records it. */
  checksum: string;
  /** The first line is `-- no transaction`. */
  noTransaction: boolean;
};

/** Returns the folder names in prisma/migrations, oldest first. */
export async function migrationNames(folder: URL = MIGRATIONS): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

export async function readMigration(name: string, folder: URL = MIGRATIONS): Promise<MigrationFile> {
  const bytes = await readFile(new URL(`./${name}/migration.sql`, folder));
  const sql = bytes.toString('utf8');
  const checksum = createHash('sha256').update(bytes).digest('hex');
  return { name, sql, checksum, noTransaction: /^-- no transaction *\r?\n/.test(sql) };
}

const CONTRACT = /^\d+_contract_(\d+)_(\d+)_(\d+)_/;

/**
 * Returns the oldest version that runs on a database with this migration: `0.3.0` for the contract step
 * `20270115120000_contract_0_3_0_drop_camera`, undefined for a migration that only adds to the schema.
 */
export function leastVersion(migration: string): string | undefined {
  return CONTRACT.exec(migration)?.slice(1).join('.');
}

/** Compares versions number by number. With `least` undefined, every version is enough. */
export function versionAtLeast(version: string, least: string | undefined): boolean {
  if (least === undefined) return true;
  const [a, b] = [version, least].map((each) => each.split('.').map((part) => Number.parseInt(part, 10)));
  for (const [i, number] of (b ?? []).entries()) {
    const own = a?.[i] ?? 0;
    if (own !== number) return own > number;
  }
  return true;
}
