import { lstatSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

const PREFIX = 'video-alerts-probe-';
/** No run takes that long: PROBE_TIMEOUT_MS is ten minutes at most. */
const ABANDONED_MS = 3_600_000;

/** Creates a folder for one video that only this user can access. The caller removes it. */
export function makeTemporaryFolder(parent: string): Promise<string> {
  return mkdtemp(join(parent, PREFIX));
}

/**
 * Removes folders in `parent` that killed workers left behind, each up to a few MiB: those of this user that are too old
 * to be in use. Returns how many.
 */
export async function removeAbandonedFolders(parent: string): Promise<number> {
  let removed = 0;
  for (const name of await readdir(parent)) {
    if (!name.startsWith(PREFIX)) continue;
    const path = join(parent, name);
    // Another worker may start at the same time and remove it first.
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (!found?.isDirectory() || found.uid !== process.getuid?.()) continue;
    if (Date.now() - found.mtimeMs < ABANDONED_MS) continue;
    await rm(path, { recursive: true, force: true });
    removed += 1;
  }
  return removed;
}
