import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import type pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import type { MediaKind, MediaStore } from '#media/store.ts';
import { writeCompressed } from './files.ts';
import type { BackupFile } from './manifest.ts';

const LIST = 'media.tsv.gz';
const CONCURRENCY = 8;

type ListedFile = { kind: MediaKind; sha256: string; bytes: number };

/** `missing`: files that the source does not have, or with other content than their name says. */
type CopiedFiles = { files: number; copied: number; bytes: number; missing: number };

const OF_ROWS = `
  SELECT 'picture', encode(sha256, 'hex'), max(bytes) FROM public.pictures
  WHERE status = 'ready' AND sha256 IS NOT NULL GROUP BY sha256
  UNION ALL SELECT 'copy', encode(sha256, 'hex'), max(bytes) FROM public.copies
  WHERE status = 'ready' AND sha256 IS NOT NULL GROUP BY sha256`;

/** Writes the list of the files that rows refer to, with their SHA-256. */
export function writeMediaList(client: pg.Client, folder: string): Promise<BackupFile> {
  return writeCompressed(folder, LIST, client.query(copyTo(`COPY (${OF_ROWS}) TO STDOUT`)));
}

export async function* readMediaList(folder: string): AsyncGenerator<ListedFile> {
  for await (const line of createInterface({ input: createReadStream(join(folder, LIST)).pipe(createGunzip()) })) {
    const [kind, sha256 = '', bytes] = line.split('\t');
    if (kind === 'picture' || kind === 'copy') yield { kind, sha256, bytes: Number(bytes) };
  }
}

/** Copies those files of the list that the target does not have. Each is compared with its SHA-256. */
export async function copyMedia(
  list: AsyncIterable<ListedFile>,
  from: MediaStore,
  to: MediaStore,
): Promise<CopiedFiles> {
  const counts: CopiedFiles = { files: 0, copied: 0, bytes: 0, missing: 0 };
  const folder = await mkdtemp(join(tmpdir(), 'media-'));
  const running = new Set<Promise<void>>();
  const copyNext = async (file: ListedFile) => {
    if ((await to.size(file.kind, file.sha256)) === file.bytes) return;
    const path = join(folder, randomUUID());
    if (await fetchFile(from, file, path)) {
      await to.put(file.kind, { path }, file.sha256);
      counts.copied += 1;
      counts.bytes += file.bytes;
    } else counts.missing += 1;
    await rm(path, { force: true });
  };
  try {
    for await (const file of list) {
      counts.files += 1;
      const task: Promise<void> = copyNext(file).finally(() => running.delete(task));
      running.add(task);
      if (running.size >= CONCURRENCY) await Promise.race(running);
    }
    await Promise.all(running);
  } finally {
    await Promise.allSettled(running);
    await rm(folder, { recursive: true, force: true });
  }
  return counts;
}

/** Returns false if the store has no such file, or one with other content. */
async function fetchFile(store: MediaStore, { kind, sha256 }: ListedFile, path: string): Promise<boolean> {
  const file = await store.open(kind, sha256);
  if (file === undefined) return false;
  const hash = createHash('sha256');
  await pipeline(
    file.stream,
    async function* (chunks) {
      for await (const chunk of chunks) {
        hash.update(chunk);
        yield chunk;
      }
    },
    createWriteStream(path, { flags: 'wx', mode: 0o600 }),
  );
  return hash.digest('hex') === sha256;
}
