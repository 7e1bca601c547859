import type { ObjectStore } from '#media/objects.ts';
import { openConfiguredObjects, openObjects } from '#media/open-objects.ts';
import type { Source } from '#sources/file.ts';

/** Returns the files of ARCHIVE_URL. Throws ConfigError if it names no bucket of `sources`. */
export function openArchiveStore(url: string, sources: ReadonlyMap<string, Source>): ObjectStore {
  return openObjects({ variable: 'ARCHIVE_URL', url }, sources).store;
}

/** Returns the files of ARCHIVE_URL, with its bucket from SOURCES_FILE. Reads no other credentials. Throws ConfigError. */
export function openConfiguredArchive(
  { ARCHIVE_URL, SOURCES_FILE }: { ARCHIVE_URL: string; SOURCES_FILE?: string | undefined },
  env: Record<string, string | undefined>,
): ObjectStore {
  return openConfiguredObjects({ variable: 'ARCHIVE_URL', url: ARCHIVE_URL }, { SOURCES_FILE, env }).store;
}
