import { createHash, randomUUID } from 'node:crypto';

/** Longest name of a store in a path. File systems allow 255 bytes for a name. */
const MAX_NAME = 120;

/** Returns the path of the file of a day, in UTC, and a store. `sha256`: of the file, in hexadecimal. */
export function dataPath({ day, store, sha256 }: { day: string; store: string; sha256: string }): string {
  return `data/${day}/${nameOf(store)}.${sha256.slice(0, 16)}.ndjson.gz`;
}

/** Returns the store as a file name: other characters than letters, digits, - and _ as =XX. Long names end with a hash. */
function nameOf(store: string): string {
  const encoded = encodeURIComponent(store)
    .replace(/[.!~*'()]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%', '=');
  if (encoded.length <= MAX_NAME) return encoded;
  return `${encoded.slice(0, MAX_NAME - 18)}=-${sha256Of(store).slice(0, 16)}`;
}

export const MANIFESTS = 'manifests/';

export function manifestPath(number: number): string {
  return `${MANIFESTS}${String(number).padStart(8, '0')}.json`;
}

/** Returns the number of a path that `manifestPath` has returned; undefined for any other path. */
export function manifestNumber(path: string): number | undefined {
  const number = Number(/^manifests\/(\d{8,15})\.json$/.exec(path)?.[1]);
  return manifestPath(number) === path ? number : undefined;
}

export const INTENTS = 'writing/';

/** Returns a new path for the record of the files that a run is about to write for this manifest. */
export function newIntentPath(number: number): string {
  return `${INTENTS}${String(number).padStart(8, '0')}-${randomUUID()}.json`;
}

/** Returns the number of the manifest that the record is for; undefined for any other path. */
export function intentNumber(path: string): number | undefined {
  const digits = /^writing\/(\d{8,15})-[0-9a-f-]{36}\.json$/.exec(path)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Returns the SHA-256 in hexadecimal. */
export function sha256Of(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
