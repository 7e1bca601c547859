import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { BackupFile, Manifest } from './manifest.ts';

/** Compresses the stream into a file of the folder, on disk when it returns, and returns its entry of the manifest. */
export async function writeCompressed(
  folder: string,
  path: string,
  source: Readable | Iterable<string>,
): Promise<BackupFile> {
  await pipeline(source, createGzip(), createWriteStream(join(folder, path), { flush: true, flags: 'wx' }));
  return entryOf(folder, path);
}

/** Returns the entry of the manifest for a file of the folder. */
export async function entryOf(folder: string, path: string): Promise<BackupFile> {
  const file = join(folder, path);
  return { path, bytes: (await stat(file)).size, sha256: await hashFile(file) };
}

/** Throws one sentence if a file of the backup is missing or was changed. */
export async function verifyFiles(folder: string, { files }: Manifest): Promise<void> {
  for (const { path, bytes, sha256 } of files) {
    const file = join(folder, path);
    const size = (await stat(file).catch(() => undefined))?.size;
    if (size === undefined)
      throw new Error(`the backup ${folder} is incomplete: ${path} is missing. Use another backup`);
    if (size !== bytes || (await hashFile(file)) !== sha256) {
      throw new Error(
        `the backup ${folder} is damaged: ${path} has other content than when it was written. Use another backup`,
      );
    }
  }
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex');
}
