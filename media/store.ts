import { fileURLToPath } from 'node:url';
import { ConfigError } from '#config/parse.ts';
import { readSource, type Source } from '#sources/file.ts';
import { mediaLocation } from './config.ts';
import { openFileStore } from './file-store.ts';
import { openS3Store } from './s3-store.ts';
import type { MediaStore } from './types.ts';

export type { ByteRange, MediaContent, MediaKind, MediaStore, StoredFile } from './types.ts';

/** Returns the store of MEDIA_URL. Throws ConfigError if it names no bucket of `sources`. */
export function openMediaStore(url: string, { sources }: { sources: ReadonlyMap<string, Source> }): MediaStore {
  const location = mediaLocation(url);
  if (location === undefined) throw new ConfigError(['MEDIA_URL: is invalid']);
  if (location.kind === 'file') return openFileStore(fileURLToPath(location.folder));
  const { source: name, prefix } = location;
  const source = sources.get(name);
  if (source === undefined) throw new ConfigError([`MEDIA_URL: SOURCES_FILE has no source ${name}`]);
  if (source.kind !== 's3') throw new ConfigError([`MEDIA_URL: the source ${name} is not of the kind s3 or gcs`]);
  return openS3Store(source, { prefix });
}

/** Returns the store of these variables; undefined without MEDIA_URL. Reads no other credentials. Throws ConfigError. */
export function openConfiguredStore(
  { MEDIA_URL, SOURCES_FILE }: { MEDIA_URL?: string | undefined; SOURCES_FILE?: string | undefined },
  env: Record<string, string | undefined>,
): MediaStore | undefined {
  if (MEDIA_URL === undefined) return undefined;
  const location = mediaLocation(MEDIA_URL);
  const sources = new Map<string, Source>();
  if (location?.kind === 's3' && SOURCES_FILE !== undefined) {
    const source = readSource(SOURCES_FILE, location.source, env);
    if (source) sources.set(location.source, source);
  }
  return openMediaStore(MEDIA_URL, { sources });
}
