import { join } from 'node:path';
import type pg from 'pg';
import type { MediaStore } from '#media/store.ts';
import { serverVersion, withConnection } from './connection.ts';
import { entryOf } from './files.ts';
import { type BackupFile, type BackupTable, type Manifest, writeManifest } from './manifest.ts';
import { copyMedia, readMediaList, writeMediaList } from './media-files.ts';
import { dumpDatabase, findPgProgram, type ProgramSearch } from './pg-programs.ts';
import { type BackupPlace, newBackupName } from './place.ts';
import { beginSnapshot, describeDatabase } from './snapshot.ts';
import { dumpTable } from './table-copy.ts';

type Format = Manifest['format'];

type BackupOptions = {
  databaseUrl: string;
  place: BackupPlace;
  /** Default: pg_dump, if a suitable one is found. */
  format?: Format | undefined;
  search: ProgramSearch;
  /** Copies the files of pictures and copies from here. */
  media?: MediaStore | undefined;
  /** The version of this program. */
  program: string;
  print: (line: string) => void;
};

/** Writes a backup and returns its manifest. If it is interrupted, there is no backup with this name. */
export async function createBackup(options: BackupOptions): Promise<Omit<Manifest, 'checksum'>> {
  const { place, print } = options;
  const name = newBackupName();
  let manifest: Omit<Manifest, 'checksum'> | undefined;
  await place.create(name, async (folder) => {
    const database = await withConnection(options.databaseUrl, (client) => dump(client, folder, options));
    const media = { ...database.media, copied: options.media !== undefined };
    if (options.media) {
      const { files, copied, missing } = await copyMedia(readMediaList(folder), options.media, place.media);
      print(
        `pictures and copies: ${files} files, ${copied} new${missing > 0 ? `, ${missing} missing in MEDIA_URL` : ''}`,
      );
    }
    manifest = { version: 1, name, created_at: new Date().toISOString(), program: options.program, ...database, media };
    await writeManifest(folder, manifest);
  });
  if (manifest === undefined) throw new Error('the backup was not written');
  return manifest;
}

async function dump(client: pg.Client, folder: string, options: BackupOptions) {
  const { print } = options;
  const postgres = await serverVersion(client);
  const pgDump = await choosePgDump(client, postgres, options);
  const snapshot = await beginSnapshot(client);
  const description = await describeDatabase(client);
  const rows = description.tables.reduce((sum, table) => sum + table.rows, 0);
  print(`database: ${description.tables.length} tables, ${rows} rows`);
  const files: BackupFile[] = [];
  if (pgDump === undefined) files.push(...(await dumpTables(client, folder, description.tables, print)));
  else {
    await dumpDatabase(pgDump, { url: options.databaseUrl, snapshot, file: join(folder, 'database.dump') });
    files.push(await entryOf(folder, 'database.dump'));
  }
  const media = await sumMedia(client);
  files.push(await writeMediaList(client, folder));
  const format: Format = pgDump ? 'pg_dump' : 'tables';
  return { format, postgres, pg_dump: pgDump?.major ?? null, ...description, media, files };
}

async function dumpTables(client: pg.Client, folder: string, tables: BackupTable[], print: (line: string) => void) {
  const files: BackupFile[] = [];
  for (const table of tables) {
    const started = performance.now();
    files.push(await dumpTable(client, folder, table));
    if (table.rows > 0) print(`  ${table.name}: ${table.rows} rows, ${seconds(started)} s`);
  }
  return files;
}

const seconds = (since: number) => ((performance.now() - since) / 1_000).toFixed(1);

/** Returns the pg_dump to use; undefined for the format `tables`. Throws one sentence if it is required and missing. */
async function choosePgDump(client: pg.Client, major: number, { format, search, print }: BackupOptions) {
  if (format === 'tables') return undefined;
  if (!(await mayDump(client))) {
    const reason = 'pg_dump needs the role that owns the tables (the DATABASE_URL of npm run migrate)';
    if (format === 'pg_dump') throw new Error(reason);
    print(`format tables: ${reason}`);
    return undefined;
  }
  try {
    const program = await findPgProgram('pg_dump', major, search);
    print(`format pg_dump: ${program.path} ${program.major}, PostgreSQL ${major}`);
    return program;
  } catch (error) {
    if (format === 'pg_dump' || search.PG_DUMP_PATH) throw error;
    print(`format tables: ${error instanceof Error ? error.message : error}`);
    return undefined;
  }
}

/** pg_dump reads the sequences, for which the application's role has no privilege. */
async function mayDump(client: pg.Client): Promise<boolean> {
  const sql = `SELECT coalesce(bool_and(has_sequence_privilege(oid, 'SELECT')), true) AS allowed
    FROM pg_class WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace`;
  const { rows } = await client.query<{ allowed: boolean }>(sql);
  return rows[0]?.allowed ?? false;
}

async function sumMedia(client: pg.Client): Promise<{ files: number; bytes: number }> {
  const of = (table: string) =>
    `SELECT sha256, max(bytes)::bigint AS bytes FROM public.${table} WHERE status = 'ready' AND sha256 IS NOT NULL GROUP BY sha256`;
  const { rows } = await client.query<{ files: string; bytes: string }>(
    `SELECT count(*) AS files, coalesce(sum(bytes), 0) AS bytes FROM (${of('pictures')} UNION ALL ${of('copies')}) media`,
  );
  return { files: Number(rows[0]?.files), bytes: Number(rows[0]?.bytes) };
}
