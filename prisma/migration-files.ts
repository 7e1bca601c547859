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
