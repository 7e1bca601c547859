import { fileURLToPath } from 'node:url';
import { ConfigError } from '#config/parse.ts';
import type { Source } from '#sources/file.ts';
import { mediaLocation } from './config.ts';
import { openFileStore } from './file-store.ts';
import type { MediaStore } from './types.ts';

export type { ByteRange, MediaContent, MediaKind, MediaStore, StoredFile } from './types.ts';

/** Returns the store of MEDIA_URL. Throws ConfigError if it names no source for it. */
export function openMediaStore(url: string, _options: { sources: ReadonlyMap<string, Source> }): MediaStore {
  const location = mediaLocation(url);
  if (location === undefined) throw new ConfigError(['MEDIA_URL: is invalid']);
  if (location.kind === 'file') return openFileStore(fileURLToPath(location.folder));
  throw new ConfigError(['MEDIA_URL: s3 is not supported yet']);
}
