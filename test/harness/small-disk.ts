import { spawnSync } from 'node:child_process';
import { chmodSync, closeSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file system in memory that can be full. */
export type SmallDisk = {
  folder: string;
  /** Takes all space that is left. */
  fill(): void;
  /** Releases what `fill` took. */
  release(): void;
  unmount(): void;
};

const CHUNKS = [1024 * 1024, 4096];

/** Mounts a disk of `mebibytes`. Only root may, and not in every container: otherwise prints why tests are skipped, and returns undefined. */
export function mountSmallDisk(mebibytes: number): SmallDisk | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'small-disk-'));
  const { status, stderr, error } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', folder]);
  if (status !== 0) {
    rmdirSync(folder);
    const reason = error?.message ?? String(stderr).trim();
    process.stderr.write(
      `A small disk cannot be mounted (${reason}). The tests of full disks are skipped: run them as root.\n`,
    );
    return undefined;
  }
  chmodSync(folder, 0o755); // PostgreSQL may run as another user
  const ballast = join(folder, 'ballast');
  return {
    folder,
    fill: () => fill(ballast),
    release: () => rmSync(ballast, { force: true }),
    unmount() {
      // -l: a process that the test has just killed may still have files open.
      spawnSync('umount', ['-l', folder]);
      rmdirSync(folder);
    },
  };
}

function fill(path: string): void {
  const file = openSync(path, 'a');
  try {
    for (const size of CHUNKS) writeUntilFull(file, Buffer.alloc(size));
  } finally {
    closeSync(file);
  }
}

function writeUntilFull(file: number, chunk: Buffer): void {
  try {
    for (;;) writeSync(file, chunk);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}
