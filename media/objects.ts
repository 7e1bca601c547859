import type { Readable } from 'node:stream';
import type { Space } from './free-space.ts';

/** From `start` to before `end`. Inside the file. */
export type ByteRange = { start: number; end: number };

/** The content of a file, in memory or in a file of the caller. */
export type Content = Uint8Array | { path: string };

/** `path`: below the store. */
export type StoredObject = { path: string; bytes: number; modifiedAt: Date };

/**
 * `existing`: what happens to a file with the same path. `same`: it has the same content, because the path contains its SHA-256;
 * it becomes new for `list`. `error`: it stays, and ObjectExists is thrown. `sha256`: of the content, if the caller knows it.
 */
export type PutOptions = { type: string; existing: 'same' | 'replace' | 'error'; sha256?: string | undefined };

/** Files by path, in a folder or in a bucket. */
export type ObjectStore = {
  /** Stores a file. A reader finds all of it or nothing, at any time. */
  put(path: string, content: Content, options: PutOptions): Promise<void>;
  /** Returns the file or a part of it, and the size of the whole file; undefined if there is none. The caller ends the stream. */
  open(path: string, range?: ByteRange): Promise<{ stream: Readable; size: number } | undefined>;
  /** Returns the size of a file; undefined if there is none. */
  size(path: string): Promise<number | undefined>;
  /** Deletes a file, which may be missing. */
  remove(path: string): Promise<void>;
  /** Returns the files of a folder and of the folders in it: `data/`; all of them with ''. */
  list(folder: string): AsyncIterable<StoredObject>;
  /** Throws an error that says what to do if files cannot be stored. Deletes what killed processes have left behind. */
  check(): Promise<void>;
  /** Returns the space of its file system. Only a folder has one. */
  space?(): Promise<Space>;
  close(): void;
};

/** There is a file with this path. */
export class ObjectExists extends Error {
  constructor(path: string, cause: unknown) {
    super(`${path} exists`, { cause });
    this.name = 'ObjectExists';
  }
}
