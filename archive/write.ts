import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import type { ObjectStore } from '#media/objects.ts';
import { addManifest, type Chain, keyOf } from './chain.ts';
import { readLines, writeDataFile } from './data-file.ts';
import { dataPath, INTENTS, intentNumber, manifestPath, newIntentPath } from './layout.ts';
import { ArchiveDamaged, type ArchiveFile, encodeManifest } from './manifest.ts';

/** `day`: of the receipt, in UTC. `line`: JSON that begins with {"uuid":"…". */
export type ArchiveRow = { uuid: string; day: string; store: string; line: string };

/** Files that are written or uploaded at the same time. */
const CONCURRENCY = 8;
/** Of the temporary folder of a run. */
const FOLDER = 'video-alerts-archive-';
/** Each file of a run changes its folder; one is written in seconds. */
const ABANDONED_AFTER_MS = 3_600_000;

const intentSchema = z.object({ paths: z.array(z.string()) });

/**
 * Adds rows to the archive; a row with the same uuid, day and store is replaced unless it is later. Resolves after a
 * manifest, the last one of the chain, names the files that contain them. Throws ObjectExists if another process has written this manifest, and
 * ArchiveDamaged. After an error, the chain is not valid any more.
 *
 * In this order: a record of the files, the files, the manifest, the deletion of what is replaced, the deletion of the record.
 * A process that is killed leaves files that its record names, and that the next run deletes. What is archived already, after a
 * kill before the rows were deleted, is not written again.
 */
export async function addRows(
  store: ObjectStore,
  chain: Chain,
  rows: readonly ArchiveRow[],
  { now = new Date(), signal }: { now?: Date; signal?: AbortSignal | undefined } = {},
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), FOLDER));
  try {
    const groups = [...groupRows(rows).values()];
    const files = await mapLimited(groups, (group, index) =>
      mergeFile(store, chain, { group, target: join(folder, `${index}`), signal }),
    );
    const changed = files.filter(({ file }) => file.path !== file.replaces);
    if (changed.length > 0) await publish(store, chain, { files: changed, now });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Deletes the temporary folders of killed processes. */
export async function removeAbandoned(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(FOLDER)) continue;
    const path = join(tmpdir(), name);
    const modifiedAt = (await stat(path).catch(() => undefined))?.mtimeMs ?? Date.now();
    if (modifiedAt < Date.now() - ABANDONED_AFTER_MS) await rm(path, { recursive: true, force: true });
  }
}

type Group = { day: string; store: string; rows: Map<string, string> };
type NewFile = { file: ArchiveFile; local: string };

function groupRows(rows: readonly ArchiveRow[]): Map<string, Group> {
  const groups = new Map<string, Group>();
  for (const { day, store, uuid, line } of rows) {
    const group = groups.get(keyOf({ day, store })) ?? { day, store, rows: new Map() };
    groups.set(keyOf(group), group);
    group.rows.set(uuid, line);
  }
  return groups;
}

async function mergeFile(
  objects: ObjectStore,
  chain: Chain,
  { group, target, signal }: { group: Group; target: string; signal: AbortSignal | undefined },
): Promise<NewFile> {
  const { day, store, rows } = group;
  const current = chain.files.get(keyOf(group));
  const written = await writeDataFile(target, { rows, old: current && readLines(objects, current), signal });
  const path = dataPath({ day, store, sha256: written.sha256 });
  return { file: { path, day, store, ...written, replaces: current?.path ?? null }, local: target };
}

async function publish(
  store: ObjectStore,
  chain: Chain,
  { files, now }: { files: readonly NewFile[]; now: Date },
): Promise<void> {
  const number = chain.number + 1;
  const intent = newIntentPath(number);
  const paths = files.flatMap(({ file: { path, replaces } }) => (replaces === null ? [path] : [path, replaces]));
  const record = Buffer.from(`${JSON.stringify({ paths }, null, 1)}\n`);
  await store.put(intent, record, { type: 'application/json', existing: 'error' });
  await mapLimited(files, ({ file, local }) =>
    store.put(file.path, { path: local }, { type: 'application/gzip', existing: 'same', sha256: file.sha256 }),
  );
  const entries = files.map(({ file }) => file).toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const manifest = { number, created_at: now.toISOString(), previous_sha256: chain.sha256, files: entries };
  const { content, sha256 } = encodeManifest(manifest);
  await store.put(manifestPath(number), content, { type: 'application/json', existing: 'error', sha256 });
  addManifest(chain, { manifest: { version: 1, ...manifest }, sha256 });
  await checkStored(store, entries);
  await removeLeftovers(store, chain);
}

/** A process that has lost its lock could have deleted them. The rows must not be deleted then. */
async function checkStored(store: ObjectStore, files: readonly ArchiveFile[]): Promise<void> {
  await mapLimited(files, async ({ path, bytes }) => {
    const size = await store.size(path);
    if (size !== bytes) throw new ArchiveDamaged(`${path} was stored with ${bytes} bytes, and has ${size ?? 'none'}`);
  });
}

/**
 * Deletes the files that this run has replaced, what killed runs have left behind, and their records. No manifest can name those
 * files any more: the one with their number exists. Files that no record names stay: they can be all that is left of an archive
 * whose manifests were lost.
 */
async function removeLeftovers(store: ObjectStore, chain: Chain): Promise<void> {
  const current = new Set([...chain.files.values()].map(({ path }) => path));
  for await (const { path: intent } of store.list(INTENTS)) {
    if ((intentNumber(intent) ?? Number.POSITIVE_INFINITY) > chain.number) continue;
    const paths = (await readIntent(store, intent)) ?? [];
    await mapLimited(
      paths.filter((path) => !current.has(path)),
      (path) => store.remove(path),
    );
    await store.remove(intent);
  }
}

/** Returns the paths that the record of a run names; undefined if it is not a record. */
export async function readIntent(store: ObjectStore, path: string): Promise<string[] | undefined> {
  const file = await store.open(path);
  if (file === undefined) return [];
  try {
    const { paths } = intentSchema.parse(JSON.parse(await text(file.stream)));
    return paths.filter((each) => each.startsWith('data/'));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return undefined;
    throw error;
  }
}

/** Returns the results for all items, in their order. After an error no more begin, and it is thrown when all have ended. */
async function mapLimited<Item, Result>(
  items: readonly Item[],
  work: (item: Item, index: number) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const errors: unknown[] = [];
  let next = 0;
  const run = async () => {
    while (next < items.length && errors.length === 0) {
      const index = next;
      next += 1;
      try {
        results[index] = await work(items[index] as Item, index); // index < length
      } catch (error) {
        errors.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, run));
  if (errors.length > 0) throw errors[0];
  return results;
}
