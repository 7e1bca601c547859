import { createHash, type Hash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import type { ObjectStore } from '#media/objects.ts';
import { ArchiveDamaged, type ArchiveFile } from './manifest.ts';

/** Rows by uuid, each a line of JSON that begins with {"uuid":"…". */
export type Lines = ReadonlyMap<string, string>;

/** Returns the lines of a file of the archive. Throws ArchiveDamaged at the end if it is not the file of the manifest. */
export async function* readLines(store: ObjectStore, file: ArchiveFile): AsyncGenerator<string> {
  const opened = await store.open(file.path);
  if (opened === undefined) throw new ArchiveDamaged(`${file.path} is missing`);
  const hash = createHash('sha256');
  const gunzip = createGunzip();
  const done = pipeline(opened.stream, hashing(hash), gunzip);
  done.catch(() => {}); // the loop below throws it
  let rows = 0;
  try {
    for await (const line of linesOf(gunzip)) {
      rows += 1;
      yield line;
    }
    await done;
  } catch (error) {
    throw isZlibError(error) ? new ArchiveDamaged(`${file.path} is damaged`, error) : error;
  } finally {
    opened.stream.destroy();
  }
  if (hash.digest('hex') !== file.sha256)
    throw new ArchiveDamaged(`${file.path} has another SHA-256 than in its manifest`);
  if (rows !== file.rows) throw new ArchiveDamaged(`${file.path} has ${rows} rows, and ${file.rows} in its manifest`);
}

/** Returns the uuid that a line begins with. */
export function uuidOf(line: string): string {
  const uuid = /^\{"uuid" ?: ?"([0-9a-f-]{36})"/.exec(line)?.[1];
  if (uuid === undefined) throw new ArchiveDamaged('a line of the archive has no uuid');
  return uuid;
}

/**
 * Writes a file with the rows of `old`, each replaced by a row with the same uuid unless that is older, and then the other rows:
 * the same rows make the same file again. Returns what its manifest says about it.
 */
export async function writeDataFile(
  target: string,
  { rows, old, signal }: { rows: Lines; old: AsyncIterable<string> | undefined; signal?: AbortSignal | undefined },
): Promise<Pick<ArchiveFile, 'rows' | 'bytes' | 'sha256'>> {
  const hash = createHash('sha256');
  let count = 0;
  async function* counted(): AsyncGenerator<string> {
    for await (const line of merge(old, rows)) {
      signal?.throwIfAborted();
      count += 1;
      yield `${line}\n`;
    }
  }
  const source = Readable.from(counted(), { objectMode: true, highWaterMark: 64 });
  await pipeline(source, createGzip(), hashing(hash), createWriteStream(target));
  return { rows: count, bytes: (await stat(target)).size, sha256: hash.digest('hex') };
}

async function* merge(old: AsyncIterable<string> | undefined, rows: Lines): AsyncGenerator<string> {
  const rest = new Map(rows);
  for await (const line of old ?? []) {
    const uuid = uuidOf(line);
    yield laterOf(line, rows.get(uuid));
    rest.delete(uuid);
  }
  yield* rest.values();
}

/** A database that was restored from a backup has states that are older than those in the archive. */
function laterOf(archived: string, row: string | undefined): string {
  return row === undefined || updatedAt(row) < updatedAt(archived) ? archived : row;
}

/** Returns NaN, which is never less, for a line without it. */
function updatedAt(line: string): number {
  const { alert } = JSON.parse(line) as { alert?: { updated_at?: string } }; // written by readArchiveRecords
  return Date.parse(alert?.updated_at ?? '');
}

function hashing(hash: Hash): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
}

async function* linesOf(stream: Readable): AsyncGenerator<string> {
  stream.setEncoding('utf8');
  let rest = '';
  for await (const chunk of stream) {
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') throw new ArchiveDamaged('the last line of a file of the archive is incomplete');
}

function isZlibError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^Z_|^ERR__ZSTD/.test(String(error.code));
}
