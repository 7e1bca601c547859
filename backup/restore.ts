import type pg from 'pg';
import type { MediaStore } from '#media/store.ts';
import { migrate } from '#prisma/migrate.ts';
import { migrationNames } from '#prisma/migration-files.ts';
import { endLeases, findSealedSecrets, type Released } from './after-restore.ts';
import { appendEntry } from './audit.ts';
import { inTransaction, withConnection } from './connection.ts';
import { assertUnused, clearEmptyDatabase } from './empty-database.ts';
import { verifyFiles } from './files.ts';
import { loadBackup, recordMigrations } from './load.ts';
import { type Manifest, readManifest } from './manifest.ts';
import { copyMedia, readMediaList } from './media-files.ts';
import type { ProgramSearch } from './pg-programs.ts';
import type { BackupPlace } from './place.ts';

type RestoreOptions = {
  /** Of a role that may create tables. */
  databaseUrl: string;
  place: BackupPlace;
  /** Default: the newest backup. */
  name?: string | undefined;
  search: ProgramSearch;
  secretsKey?: Buffer | undefined;
  /** Copies the files of pictures and copies there, if the backup has them. */
  media?: MediaStore | undefined;
  /** Records the restore in the audit log, from this place. Undefined: it is only a drill. */
  recordFrom?: string | undefined;
  print: (line: string) => void;
};

/** `problems`: sentences about what a person has to do. `migrated`: the migrations that this version has in addition. */
export type RestoreReport = { manifest: Manifest; released: Released; migrated: string[]; problems: string[] };

/**
 * Restores a backup into an empty database: everything, or nothing if it fails or is interrupted. Then applies the migrations
 * of this version. Throws one sentence that says what to do.
 */
export async function restoreBackup(options: RestoreOptions): Promise<RestoreReport> {
  const names = await options.place.list();
  const name = options.name ?? names.at(-1);
  if (name === undefined)
    throw new Error('there is no complete backup: check --from, or create one with npm run backup');
  if (!names.includes(name))
    throw new Error(`there is no complete backup ${name}: there are ${names.join(', ') || 'none'}`);
  return options.place.use(name, (folder) => restoreFolder(folder, options));
}

async function restoreFolder(folder: string, options: RestoreOptions): Promise<RestoreReport> {
  const { databaseUrl, print, search } = options;
  const manifest = await readManifest(folder);
  print(`${manifest.name}: version ${manifest.program}, ${manifest.format}, PostgreSQL ${manifest.postgres}`);
  await assertKnown(manifest);
  await verifyFiles(folder, manifest);
  // A backup of an earlier version has no audit log until this version's migrations create it.
  const hasLog = manifest.tables.some((table) => table.name === 'audit_log');
  print(`checked ${manifest.files.length} files`);
  const released = await withConnection(databaseUrl, async (client) => {
    await assertUnused(client);
    return inTransaction(client, async () => {
      await clearEmptyDatabase(client);
      await loadBackup(client, { folder, manifest, search, print });
      const ended = await endLeases(client);
      await recordMigrations(client, manifest);
      if (hasLog) await recordRestore(client, manifest, options);
      return ended;
    });
  });
  const { applied } = await migrate(databaseUrl);
  const problems = await withConnection(databaseUrl, async (client) => {
    if (!hasLog) await recordRestore(client, manifest, options);
    await client.query('ANALYZE');
    return findSealedSecrets(client, options.secretsKey);
  });
  problems.push(...(await restoreMedia(folder, manifest, options)));
  return { manifest, released, migrated: applied, problems };
}

async function recordRestore(client: pg.Client, { name, created_at }: Manifest, { recordFrom }: RestoreOptions) {
  if (recordFrom === undefined) return;
  await appendEntry(client, { action: 'backup.restored', target: name, details: { from: recordFrom, created_at } });
}

async function assertKnown({ migrations }: Manifest): Promise<void> {
  const known = await migrationNames();
  const unknown = migrations.filter(({ name }) => !known.includes(name)).map(({ name }) => name);
  if (unknown.length === 0) return;
  throw new Error(
    `the backup was written by a newer version of this program (${unknown.join(', ')}): restore it with that version`,
  );
}

async function restoreMedia(folder: string, { media }: Manifest, options: RestoreOptions): Promise<string[]> {
  if (media.files === 0) return [];
  if (!media.copied)
    return [
      `the backup has no files of its ${media.files} pictures and copies: MEDIA_URL must have them; pictures that are missing are made again`,
    ];
  if (options.media === undefined)
    return [`the ${media.files} files of pictures and copies were not restored: set MEDIA_URL and use --media`];
  const { files, copied, missing } = await copyMedia(readMediaList(folder), options.place.media, options.media);
  options.print(`pictures and copies: ${files} files, ${copied} restored`);
  return missing > 0 ? [`${missing} files of pictures and copies are missing in the backup`] : [];
}
