import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import {
  copyFile,
  type FileHandle,
  link,
  mkdir,
  open,
  opendir,
  readdir,
  rename,
  rm,
  stat,
  utimes,
} from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { spaceOf } from './free-space.ts';
import {
  type ByteRange,
  type Content,
  ObjectExists,
  type ObjectStore,
  type PutOptions,
  type StoredObject,
} from './objects.ts';

/** Files that are being written. On the same file system as the others, so that they can be renamed. */
const UNFINISHED = 'unfinished';
/** A file is written in seconds. */
const ABANDONED_AFTER_MS = 3_600_000;

/** Returns the store in a folder, which is created when the first file is stored. `variable`: the one that names the folder. */
export function openFolder(root: string, { variable }: { variable: string }): ObjectStore {
  const fileOf = (path: string) => join(root, path);
  return {
    put: async (path, content, options) => put(root, fileOf(path), { content, options }),
    open: async (path, range) => openFile(fileOf(path), range),
    size: async (path) => (await orMissing(stat(fileOf(path))))?.size,
    remove: async (path) => rm(fileOf(path), { force: true }),
    list: (prefix) => list(root, prefix),
    check: () => check(root, variable),
    space: () => spaceOf(root),
    close() {},
  };
}

async function put(root: string, target: string, file: { content: Content; options: PutOptions }): Promise<void> {
  const { content, options } = file;
  const size = 'path' in content ? (await stat(content.path)).size : content.length;
  if (options.existing === 'same' && (await orMissing(stat(target)))?.size === size) {
    const now = new Date();
    // The check for orphans does not delete new files.
    return utimes(target, now, now);
  }
  const unfinished = join(root, UNFINISHED, randomUUID());
  await mkdir(dirname(unfinished), { recursive: true, mode: 0o755 });
  await mkdir(dirname(target), { recursive: true, mode: 0o755 });
  try {
    await write(unfinished, content);
    if (options.existing === 'error') await linkNew(unfinished, target);
    else await rename(unfinished, target);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
  await syncFolder(dirname(target));
}

/** Renames a file. Throws ObjectExists if there is one with the new name: of two processes, one succeeds. */
async function linkNew(unfinished: string, target: string): Promise<void> {
  try {
    await link(unfinished, target);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw new ObjectExists(target, error);
    throw error;
  }
  await rm(unfinished, { force: true });
}

async function write(path: string, content: Content): Promise<void> {
  if ('path' in content) await copyFile(content.path, path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  const file = await open(path, 'path' in content ? 'r+' : 'wx');
  try {
    if (!('path' in content)) await file.writeFile(content);
    // nginx runs as another user.
    await file.chmod(0o644);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** After a power failure, the file has its name. Windows cannot open folders; there it may be lost and made again. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function openFile(path: string, range?: ByteRange) {
  const file = await orMissing(open(path, 'r'));
  if (file === undefined) return undefined;
  try {
    const { size } = await file.stat();
    return { stream: readStream(file, range ?? { start: 0, end: size }), size };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** The stream closes the file when it ends or is destroyed. */
function readStream(file: FileHandle, { start, end }: ByteRange) {
  // `end` of Node is the last byte; nothing cannot be expressed, except by a start after the end of the file.
  return file.createReadStream(end > start ? { start, end: end - 1 } : { start: Number.MAX_SAFE_INTEGER });
}

async function* list(root: string, prefix: string): AsyncGenerator<StoredObject> {
  const folder = await orMissing(opendir(join(root, prefix), { recursive: true }));
  if (folder === undefined) return;
  for await (const entry of folder) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    const found = await orMissing(stat(file));
    const path = relative(root, file).replaceAll('\\', '/');
    if (found) yield { path, bytes: found.size, modifiedAt: found.mtime };
  }
}

async function check(root: string, variable: string): Promise<void> {
  const folder = join(root, UNFINISHED);
  const probe = join(folder, randomUUID());
  try {
    await mkdir(folder, { recursive: true, mode: 0o755 });
    await write(probe, Buffer.from('x'));
    await rm(probe, { force: true });
  } catch (error) {
    await rm(probe, { force: true }).catch(() => {});
    throw new Error(`cannot write to the folder ${root} of ${variable}: ${explain(error, variable)}`, { cause: error });
  }
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const modifiedAt = (await orMissing(stat(path)))?.mtimeMs ?? Date.now();
    if (modifiedAt < Date.now() - ABANDONED_AFTER_MS) await rm(path, { force: true });
  }
}

function explain(error: unknown, variable: string): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') return `the disk is full; free space, or move ${variable}`;
  if (code === 'EACCES' || code === 'EPERM') return 'no permission; give the folder to the user of the worker';
  if (code === 'EROFS') return 'it is read-only; mount it so that the worker can write to it';
  return error instanceof Error ? error.message : String(error);
}

/** Resolves to undefined if the file does not exist. */
async function orMissing<Value>(value: Promise<Value>): Promise<Value | undefined> {
  try {
    return await value;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
