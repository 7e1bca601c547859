import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

export const PAGE_FOLDER = fileURLToPath(new URL('./browser/', import.meta.url));
const SERVED = new Set(['.js', '.css', '.svg']);

/** The page's libraries: package, file in the package, name in the browser, and the specifier that modules import. */
const LIBRARIES = [
  { library: 'preact', path: 'dist/preact.mjs', name: 'preact.js', specifier: 'preact' },
  { library: 'preact', path: 'hooks/dist/hooks.mjs', name: 'preact-hooks.js', specifier: 'preact/hooks' },
  { library: 'htm', path: 'dist/htm.mjs', name: 'htm.js', specifier: 'htm' },
  { library: 'uplot', path: 'dist/uPlot.esm.js', name: 'uplot.js', specifier: 'uplot' },
  { library: 'uplot', path: 'dist/uPlot.min.css', name: 'uplot.css' },
] as const;

export type Assets = {
  /** A hash of all files. */
  version: string;
  /** Where the browser finds the files. */
  path: string;
  files: ReadonlyMap<string, { plain: Buffer; gzip: Buffer }>;
  /** Maps the packages that the page's modules import to URLs. */
  importMap: string;
  /** The source expression that allows the import map in a Content-Security-Policy. */
  importMapHash: string;
};

let assets: Assets | undefined;

/** Returns the page's files, read and compressed once per process: 366 KiB become 127 KiB. */
export function readAssets(): Assets {
  assets ??= compressedAssets();
  return assets;
}

function compressedAssets(): Assets {
  const contents = new Map<string, Buffer>();
  for (const path of readdirSync(PAGE_FOLDER, { recursive: true, encoding: 'utf8' }).sort()) {
    if (SERVED.has(extname(path))) contents.set(basename(path), readFileSync(join(PAGE_FOLDER, path)));
  }
  const { resolve } = createRequire(import.meta.url);
  for (const { library, path, name } of LIBRARIES) {
    contents.set(name, readFileSync(join(packageFolder(resolve(library), library), path)));
  }
  const hash = createHash('sha256');
  for (const [name, content] of contents) hash.update(name).update(content);
  const version = hash.digest('base64url').slice(0, 12);
  const path = `/assets/${version}`;
  const importMap = importMapOf(path);
  return {
    version,
    path,
    files: new Map([...contents].map(([name, plain]) => [name, { plain, gzip: gzipSync(plain) }])),
    importMap,
    importMapHash: `sha256-${createHash('sha256').update(importMap).digest('base64')}`,
  };
}

function packageFolder(file: string, name: string): string {
  const folder = join('node_modules', name);
  return file.slice(0, file.lastIndexOf(folder) + folder.length);
}

function importMapOf(path: string): string {
  const modules = LIBRARIES.flatMap((file) => ('specifier' in file ? [[file.specifier, `${path}/${file.name}`]] : []));
  return JSON.stringify({ imports: Object.fromEntries(modules) });
}
