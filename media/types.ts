import type { Readable } from 'node:stream';
import type { Space } from './free-space.ts';
import type { ByteRange, Content } from './objects.ts';

/** A picture is a WebP file, a copy an MP4 file. */
export type MediaKind = 'picture' | 'copy';

export type StoredFile = { sha256: string; bytes: number; modifiedAt: Date };

/** Files by the SHA-256 of their content, in lowercase hexadecimal. */
export type MediaStore = {
  /** Stores a file. A reader finds all of it or nothing, at any time. Storing it again makes it new for `list`. */
  put(kind: MediaKind, content: Content, sha256: string): Promise<void>;
  /** Returns the file or a part of it, and the size of the whole file; undefined if there is none. The caller ends the stream. */
  open(kind: MediaKind, sha256: string, range?: ByteRange): Promise<{ stream: Readable; size: number } | undefined>;
  /** Returns the size of a file; undefined if there is none. */
  size(kind: MediaKind, sha256: string): Promise<number | undefined>;
  /** Deletes a file, which may be missing. */
  remove(kind: MediaKind, sha256: string): Promise<void>;
  /** `begin`: only those whose SHA-256 begins with these two digits. */
  list(kind: MediaKind, begin?: string): AsyncIterable<StoredFile>;
  /** Returns the path of a file below the store, for X-Accel-Redirect. Only a folder has one. */
  internalPath?(kind: MediaKind, sha256: string): string;
  /** Throws an error that says what to do if files cannot be stored. Deletes what killed processes have left behind. */
  check(): Promise<void>;
  /** Returns the space of its file system. Only a folder has one. */
  space?(): Promise<Space>;
  close(): void;
};
