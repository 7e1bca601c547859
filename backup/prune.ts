import { readManifest } from './manifest.ts';
import { readMediaList } from './media-files.ts';
import type { BackupPlace } from './place.ts';

/** A file this new may belong to a backup that is being written. */
const NEW_MS = 24 * 3_600_000;

/** Deletes all but the newest backups, and the pictures and copies that no backup has any more. Returns the names of the deleted ones. */
export async function pruneBackups(place: BackupPlace, keep: number): Promise<string[]> {
  const names = await place.list();
  const removed = names.slice(0, Math.max(0, names.length - keep));
  for (const name of removed) await place.remove(name);
  if (removed.length > 0) await pruneMedia(place, names.slice(removed.length));
  return removed;
}

async function pruneMedia(place: BackupPlace, kept: string[]): Promise<void> {
  const used = new Set<string>();
  for (const name of kept) {
    await place.use(name, async (folder) => {
      if (!(await readManifest(folder)).media.copied) return;
      for await (const { kind, sha256 } of readMediaList(folder)) used.add(`${kind} ${sha256}`);
    });
  }
  for (const kind of ['picture', 'copy'] as const) {
    for await (const { sha256, modifiedAt } of place.media.list(kind)) {
      const isNew = modifiedAt.getTime() > Date.now() - NEW_MS;
      if (!isNew && !used.has(`${kind} ${sha256}`)) await place.media.remove(kind, sha256);
    }
  }
}
