import type { ObjectStore } from '#media/objects.ts';
import { openConfiguredObjects } from '#media/open-objects.ts';

/**
 * Returns the files of ARCHIVE_URL, with its bucket from SOURCES_FILE; undefined without ARCHIVE_URL. Reads no other credentials.
 * Throws ConfigError.
 */
export function openConfiguredArchive(
  { ARCHIVE_URL, SOURCES_FILE }: { ARCHIVE_URL?: string | undefined; SOURCES_FILE?: string | undefined },
  env: Record<string, string | undefined>,
): ObjectStore | undefined {
  if (ARCHIVE_URL === undefined) return undefined;
  return openConfiguredObjects({ variable: 'ARCHIVE_URL', url: ARCHIVE_URL }, { SOURCES_FILE, env }).store;
}
