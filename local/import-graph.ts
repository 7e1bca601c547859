import { readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

const IMPORT = /\b(?:from|import)\s*\(?\s*'([.#][^']+\.ts)'/g;

/** Returns the files that `entry` imports, directly and indirectly, and itself; paths relative to `root`. */
export async function importedFiles(root: string, entry: string): Promise<Set<string>> {
  const found = new Set<string>();
  const pending = [join(root, entry)];
  for (let file = pending.pop(); file !== undefined; file = pending.pop()) {
    const name = relative(root, file);
    if (found.has(name)) continue;
    found.add(name);
    const source = await readFile(file, 'utf8').catch(() => ''); // an import of a file that is being renamed
    for (const [, specifier = ''] of source.matchAll(IMPORT)) {
      // package.json maps each `#module/…` to the folder of that name.
      pending.push(specifier.startsWith('#') ? join(root, specifier.slice(1)) : join(dirname(file), specifier));
    }
  }
  return found;
}
