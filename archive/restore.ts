import type { ObjectStore } from '#media/objects.ts';
import { restoreRecords } from '#prisma/archive-records.ts';
import type { Database } from '#prisma/client.ts';
import { readLines } from './data-file.ts';
import type { ArchiveFile } from './manifest.ts';

/** Rows per statement. */
const BATCH = 500;

/**
 * Inserts the alerts of these files, except those that exist. `onProgress` gets the number of rows that were read. Throws
 * ArchiveDamaged before anything of a damaged file is inserted; the alerts of the files before it stay.
 */
export async function restoreFiles(
  db: Database,
  store: ObjectStore,
  files: readonly ArchiveFile[],
  onProgress: (rows: number) => void = () => {},
): Promise<{ restored: number; existing: number }> {
  let restored = 0;
  let read = 0;
  for (const file of files) {
    // The SHA-256 is known at the end only.
    for await (const line of readLines(store, file)) void line;
    for await (const lines of batchesOf(readLines(store, file))) {
      restored += await restoreRecords(db, lines, file.path);
      read += lines.length;
      onProgress(read);
    }
  }
  return { restored, existing: read - restored };
}

async function* batchesOf(lines: AsyncIterable<string>): AsyncGenerator<string[]> {
  let batch: string[] = [];
  for await (const line of lines) {
    batch.push(line);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
