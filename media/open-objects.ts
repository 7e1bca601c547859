import { fileURLToPath } from 'node:url';
import { ConfigError } from '#config/parse.ts';
import { readSource, type Source } from '#sources/file.ts';
import { openBucket } from './bucket.ts';
import { storageLocation } from './config.ts';
import { openFolder } from './folder.ts';
import type { ObjectStore } from './objects.ts';

/** A store of files; `variable` names its URL in errors. */
type Named = { variable: string; url: string };

type OpenedObjects = { store: ObjectStore; isFolder: boolean };

/** Returns the store at this URL. Throws ConfigError if it names no bucket of `sources`. */
export function openObjects({ variable, url }: Named, sources: ReadonlyMap<string, Source>): OpenedObjects {
  const location = storageLocation(url);
  if (location === undefined) throw new ConfigError([`${variable}: is invalid`]);
  if (location.kind === 'file') {
    return { store: openFolder(fileURLToPath(location.folder), { variable }), isFolder: true };
  }
  const { source: name, prefix } = location;
  const source = sources.get(name);
  if (source === undefined) throw new ConfigError([`${variable}: SOURCES_FILE has no source ${name}`]);
  if (source.kind !== 's3') throw new ConfigError([`${variable}: the source ${name} is not of the kind s3 or gcs`]);
  return { store: openBucket(source, { prefix }), isFolder: false };
}

/** Returns the store at this URL, with its bucket from SOURCES_FILE. Reads no other credentials. Throws ConfigError. */
export function openConfiguredObjects(
  named: Named,
  { SOURCES_FILE, env }: { SOURCES_FILE: string | undefined; env: Record<string, string | undefined> },
): OpenedObjects {
  const location = storageLocation(named.url);
  const sources = new Map<string, Source>();
  if (location?.kind === 's3' && SOURCES_FILE !== undefined) {
    const source = readSource(SOURCES_FILE, location.source, env);
    if (source) sources.set(location.source, source);
  }
  return openObjects(named, sources);
}
