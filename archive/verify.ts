import type { ObjectStore } from '#media/objects.ts';
import { type Chain, type Head, readChain } from './chain.ts';
import { readLines } from './data-file.ts';
import { INTENTS, intentNumber, manifestNumber } from './layout.ts';
import { ArchiveDamaged, type ArchiveFile } from './manifest.ts';
import { readIntent } from './write.ts';

/** `leftovers`: files of runs that were killed. The next run deletes them; their rows are in the table or in other files. */
export type Verification = { manifests: number; files: number; rows: number; problems: string[]; leftovers: string[] };

/**
 * Checks the chain of manifests, and that each file that they name exists and has its SHA-256 and its number of rows, and that
 * there are no other files. `head`: the last manifest that the database knows.
 */
export async function verifyArchive(
  store: ObjectStore,
  { head, onFile = () => {} }: { head?: Head | undefined; onFile?: (done: number, total: number) => void } = {},
): Promise<Verification> {
  const problems: string[] = [];
  const chain = await readChain(store, { head, onProblem: (problem) => problems.push(problem) });
  const files = [...chain.files.values()];
  const suspects: { file: ArchiveFile; problem: string }[] = [];
  let rows = 0;
  for (const [index, file] of files.entries()) {
    const problem = await problemOf(store, file);
    if (problem !== undefined) suspects.push({ file, problem });
    rows += file.rows;
    onFile(index + 1, files.length);
  }
  const { unknown, leftovers } = await otherFiles(store, chain);
  // A run in the meantime can have replaced files.
  const now = suspects.length + unknown.length > 0 ? await readChain(store, { onProblem: () => {} }) : chain;
  const current = new Set([...now.files.values()].map(({ path }) => path));
  problems.push(...suspects.filter(({ file }) => current.has(file.path)).map(({ problem }) => problem));
  for (const path of unknown) {
    if (!current.has(path) && (await store.size(path)) !== undefined) problems.push(`${path} is in no manifest`);
  }
  return { manifests: chain.number, files: files.length, rows, problems, leftovers };
}

async function problemOf(store: ObjectStore, file: ArchiveFile): Promise<string | undefined> {
  try {
    for await (const line of readLines(store, file)) void line;
    return undefined;
  } catch (error) {
    if (error instanceof ArchiveDamaged) return error.message;
    throw error;
  }
}

/** Returns the files that no manifest names. */
async function otherFiles(store: ObjectStore, chain: Chain): Promise<{ unknown: string[]; leftovers: string[] }> {
  const current = new Set([...chain.files.values()].map(({ path }) => path));
  const recorded = new Set<string>();
  for await (const { path } of store.list(INTENTS)) {
    const paths = (await readIntent(store, path)) ?? [];
    for (const each of paths) recorded.add(each);
  }
  const unknown: string[] = [];
  const leftovers: string[] = [];
  for await (const { path } of store.list('')) {
    if (current.has(path) || manifestNumber(path) !== undefined) continue;
    // `unfinished/`: files that the store itself has not finished.
    if (intentNumber(path) !== undefined || recorded.has(path) || path.startsWith('unfinished/')) leftovers.push(path);
    else unknown.push(path);
  }
  return { unknown, leftovers };
}
