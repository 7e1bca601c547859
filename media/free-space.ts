import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';

/** The space of a file system in bytes. `free`: for users without privileges. */
export type Space = { free: number; size: number };

/** Returns the space of the file system that has this folder, or will have it when it is created. */
export async function spaceOf(folder: string): Promise<Space> {
  try {
    const { bavail, blocks, bsize } = await statfs(folder);
    return { free: bavail * bsize, size: blocks * bsize };
  } catch (error) {
    const parent = dirname(folder);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === folder) throw error;
    return spaceOf(parent);
  }
}
