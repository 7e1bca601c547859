import { lstatSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

const PREFIX = 'video-alerts-probe-';
/** No probe lasts that long: PROBE_TIMEOUT_MS is ten minutes at most. */
const ABANDONED_MS = 3_600_000;

/** A new folder of this user alone, for one video. Whoever made it removes it. */
export function makeProbeFolder(parent: string): Promise<string> {
  return mkdtemp(join(parent, PREFIX));
}

/**
 * Removes what workers killed in mid-probe have left in `parent`, up to some MiB each: folders of this user that no probe
 * can still be using. Returns how many.
 */
export async function removeAbandoned(parent: string): Promise<number> {
  let removed = 0;
  for (const name of await readdir(parent)) {
    if (!name.startsWith(PREFIX)) continue;
    const path = join(parent, name);
    // Another worker may start, and remove it, at the same time.
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (!found?.isDirectory() || found.uid !== process.getuid?.()) continue;
    if (Date.now() - found.mtimeMs < ABANDONED_MS) continue;
    await rm(path, { recursive: true, force: true });
    removed += 1;
  }
  return removed;
}
