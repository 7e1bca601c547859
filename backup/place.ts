import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { pathToFileURL } from 'node:url';
import type { ObjectStore } from '#media/objects.ts';
import { openConfiguredObjects } from '#media/open-objects.ts';
import { type MediaStore, mediaStore } from '#media/store.ts';
import { MANIFEST } from './manifest.ts';

/** The largest object that S3 takes in one request. */
const MAX_OBJECT_BYTES = 5 * 1024 ** 3;
const NAME = /^alerts-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z$/;
const STAGING = '.unfinished-';
const ABANDONED_AFTER_MS = 24 * 3_600_000;

/** Where backups are: a folder, or a prefix of a bucket. */
export type BackupPlace = {
  /** Returns the names of the complete backups, oldest first. */
  list(): Promise<string[]>;
  /** Calls `write` with an empty folder, and makes it the backup with this name once it returns. */
  create(name: string, write: (folder: string) => Promise<void>): Promise<void>;
  /** Calls `read` with a folder that has the files of the backup. */
  use<Result>(name: string, read: (folder: string) => Promise<Result>): Promise<Result>;
  remove(name: string): Promise<void>;
  /** The files of pictures and copies, which all backups share. */
  media: MediaStore;
  close(): void;
};

type PlaceOptions = {
  SOURCES_FILE?: string | undefined;
  env: Record<string, string | undefined>;
  option: string;
};

/** Returns the name of a backup that begins now. Names sort by time. */
export function newBackupName(): string {
  return `alerts-${new Date().toISOString().replaceAll(/[:.]/g, '-')}`;
}

/** Returns the place with this path, or URL `s3://source/prefix`. Throws ConfigError if SOURCES_FILE has no such source. */
export function openPlace(location: string, { SOURCES_FILE, env, option }: PlaceOptions): BackupPlace {
  const isFolder = !location.startsWith('s3://');
  const folder = resolve(location);
  const url = isFolder ? pathToFileURL(folder).href : location;
  const objects = openConfiguredObjects({ variable: option, url }, { SOURCES_FILE, env });
  const media = mediaStore({ ...objects, store: below(objects.store, 'media/') });
  const place = isFolder ? folderPlace(folder) : bucketPlace(objects.store);
  return { ...place, media, close: objects.store.close };
}

type Place = Omit<BackupPlace, 'media' | 'close'>;

function folderPlace(root: string): Place {
  const isComplete = (name: string) =>
    stat(join(root, name, MANIFEST)).then(
      () => true,
      () => false,
    );
  return {
    async list() {
      const names = (await readdir(root).catch(() => [])).filter((name) => NAME.test(name)).sort();
      const complete = await Promise.all(names.map(isComplete));
      return names.filter((_name, index) => complete[index]);
    },
    async create(name, write) {
      const staging = join(root, `${STAGING}${name}`);
      await mkdir(staging, { recursive: true, mode: 0o700 });
      await removeAbandoned(root);
      try {
        await write(staging);
        await rename(staging, join(root, name));
      } catch (error) {
        await rm(staging, { recursive: true, force: true });
        throw error;
      }
    },
    use: (name, read) => read(join(root, name)),
    async remove(name) {
      // Without its manifest it is not a backup, should this be interrupted.
      await rm(join(root, name, MANIFEST), { force: true });
      await rm(join(root, name), { recursive: true, force: true });
    },
  };
}

/** Deletes what killed runs have left behind. */
async function removeAbandoned(root: string): Promise<void> {
  for (const name of (await readdir(root)).filter((each) => each.startsWith(STAGING))) {
    const modified = (await stat(join(root, name)).catch(() => undefined))?.mtimeMs ?? Date.now();
    if (modified < Date.now() - ABANDONED_AFTER_MS) await rm(join(root, name), { recursive: true, force: true });
  }
}

function bucketPlace(store: ObjectStore): Place {
  return {
    async list() {
      const names: string[] = [];
      for await (const { path } of store.list('alerts-')) {
        const [name = '', file] = path.split('/');
        if (file === MANIFEST && NAME.test(name)) names.push(name);
      }
      return names.sort();
    },
    create: (name, write) =>
      withTemporaryFolder(async (folder) => {
        await write(folder);
        const files = (await readdir(folder)).filter((file) => file !== MANIFEST);
        for (const file of [...files, MANIFEST]) await upload(store, `${name}/${file}`, join(folder, file));
      }),
    use: (name, read) =>
      withTemporaryFolder(async (folder) => {
        for await (const { path } of store.list(`${name}/`))
          await download(store, path, join(folder, path.slice(name.length + 1)));
        return read(folder);
      }),
    async remove(name) {
      await store.remove(`${name}/${MANIFEST}`);
      for await (const { path } of store.list(`${name}/`)) await store.remove(path);
    },
  };
}

async function withTemporaryFolder<Result>(work: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'backup-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function upload(store: ObjectStore, path: string, file: string): Promise<void> {
  if ((await stat(file)).size > MAX_OBJECT_BYTES) {
    throw new Error(
      `${path} is larger than the 5 GiB that S3 takes in one request: back up to a folder, and copy that`,
    );
  }
  await store.put(path, { path: file }, { type: 'application/octet-stream', existing: 'replace' });
}

async function download(store: ObjectStore, path: string, file: string): Promise<void> {
  const object = await store.open(path);
  if (object) await pipeline(object.stream, createWriteStream(file, { mode: 0o600 }));
}

/** Returns the part of a store that is below a folder. */
function below(store: ObjectStore, folder: string): ObjectStore {
  return {
    ...store,
    put: (path, content, options) => store.put(folder + path, content, options),
    open: (path, range) => store.open(folder + path, range),
    size: (path) => store.size(folder + path),
    remove: (path) => store.remove(folder + path),
    async *list(path) {
      for await (const object of store.list(folder + path)) yield { ...object, path: object.path.slice(folder.length) };
    },
  };
}
