import { mkdir, mkdtemp, readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';

const PREFIX = 'video-alerts-copy-';
/** Each folder in use is touched every few seconds. */
const ABANDONED_MS = 600_000;

/** Creates a folder for one copy that only this user can access. The caller removes it. */
export async function makeCopyFolder(parent: string): Promise<string> {
  await mkdir(parent, { recursive: true });
  return mkdtemp(join(parent, PREFIX));
}

/** Marks a folder as used. */
export async function touchCopyFolder(path: string): Promise<void> {
  const now = new Date();
  await utimes(path, now, now);
}

/** Removes the folders in `parent` that killed workers left behind, each up to twice COPY_MAX_BYTES. Returns how many. */
export async function removeAbandonedCopies(parent: string): Promise<number> {
  let removed = 0;
  for (const name of await readdir(parent).catch(() => [])) {
    if (!name.startsWith(PREFIX)) continue;
    const path = join(parent, name);
    // Another worker may remove it at the same time.
    const found = await stat(path).catch(() => undefined);
    if (!found?.isDirectory() || found.uid !== process.getuid?.() || Date.now() - found.mtimeMs < ABANDONED_MS)
      continue;
    await rm(path, { recursive: true, force: true });
    removed += 1;
  }
  return removed;
}
