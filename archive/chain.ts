import type { ObjectStore } from '#media/objects.ts';
import { MANIFESTS, manifestNumber, manifestPath } from './layout.ts';
import { ArchiveDamaged, type ArchiveFile, type Manifest, readManifest } from './manifest.ts';

/** What the manifests up to `number` say. `sha256`: of the last manifest. */
export type Chain = {
  number: number;
  sha256: string | null;
  /** The current file of each day and store, by `keyOf`. */
  files: Map<string, ArchiveFile>;
};

/** The last manifest that the database knows. */
export type Head = { number: number; sha256: string };

/** Manifests that are read at the same time. */
const CONCURRENCY = 16;

export function keyOf({ day, store }: { day: string; store: string }): string {
  return `${day} ${store}`;
}

/**
 * Returns what the manifests say. Each one must contain the SHA-256 of the one before, and none may be missing up to `head`.
 * `onProblem` gets what contradicts that; by default, it is thrown as ArchiveDamaged.
 */
export async function readChain(
  store: ObjectStore,
  { head, onProblem = fail }: { head?: Head | undefined; onProblem?: (problem: string) => void } = {},
): Promise<Chain> {
  const last = Math.max(await lastNumber(store), head?.number ?? 0);
  const chain: Chain = { number: 0, sha256: null, files: new Map() };
  for (let first = 1; first <= last; first += CONCURRENCY) {
    const numbers = Array.from({ length: Math.min(CONCURRENCY, last - first + 1) }, (_, index) => first + index);
    const read = numbers.map((number) => readManifest(store, number).catch((error: unknown) => errorOf(error)));
    for (const [index, result] of (await Promise.all(read)).entries()) {
      const number = first + index;
      if (result instanceof ArchiveDamaged) onProblem(result.message);
      else if (result === undefined) onProblem(`${manifestPath(number)} is missing`);
      else extend(chain, result, { head, onProblem });
      chain.number = number;
      if (result === undefined || result instanceof ArchiveDamaged) chain.sha256 = null;
    }
  }
  return chain;
}

function fail(problem: string): never {
  throw new ArchiveDamaged(problem);
}

function errorOf(error: unknown): ArchiveDamaged {
  if (error instanceof ArchiveDamaged) return error;
  throw error;
}

async function lastNumber(store: ObjectStore): Promise<number> {
  let last = 0;
  for await (const { path } of store.list(MANIFESTS)) last = Math.max(last, manifestNumber(path) ?? 0);
  return last;
}

/** Adds a manifest to what the ones before it say. */
function extend(
  chain: Chain,
  { manifest, sha256 }: { manifest: Manifest; sha256: string },
  { head, onProblem }: { head: Head | undefined; onProblem: (problem: string) => void },
): void {
  const path = manifestPath(manifest.number);
  // After a missing manifest, its SHA-256 is unknown; one problem is enough.
  const isKnown = manifest.number === 1 || chain.sha256 !== null;
  if (isKnown && manifest.previous_sha256 !== chain.sha256) {
    onProblem(`${path} does not continue the manifest before it: one of the two was changed`);
  }
  if (head?.number === manifest.number && head.sha256 !== sha256) {
    onProblem(`${path} is not the manifest that the database knows: it was changed, or ARCHIVE_URL is another archive`);
  }
  for (const file of manifest.files) {
    const before = chain.files.get(keyOf(file))?.path ?? null;
    if (isKnown && file.replaces !== before)
      onProblem(`${path}: ${file.path} replaces another file than the current one`);
    chain.files.set(keyOf(file), file);
  }
  chain.sha256 = sha256;
}

/** Adds the manifests that were written since the chain was read. Throws ArchiveDamaged. */
export async function readOn(store: ObjectStore, chain: Chain): Promise<void> {
  for (;;) {
    const next = await readManifest(store, chain.number + 1);
    if (next === undefined) return;
    addManifest(chain, next);
  }
}

/** Adds the next manifest to the chain. Throws ArchiveDamaged if it does not continue it. */
export function addManifest(chain: Chain, next: { manifest: Manifest; sha256: string }): void {
  extend(chain, next, { head: undefined, onProblem: fail });
  chain.number = next.manifest.number;
}
