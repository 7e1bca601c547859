import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { type RequestHandler, Router } from 'express';
import { type Caller, EVERYONE, requireScope } from '../auth/caller.ts';
import { askToLogIn } from '../auth/login.ts';
import { escapeHtml } from '../http/escape-html.ts';
import { allow, Problem } from '../http/problem.ts';

const FOLDER = fileURLToPath(new URL('./browser/', import.meta.url));
const SERVED = new Set(['.js', '.css', '.svg']);
const YEAR_S = 31_536_000;

/** The page's libraries: what its modules import, the file of the package that it is, and its name in the browser. */
const LIBRARIES = [
  ['preact', 'preact', 'dist/preact.mjs', 'preact.js'],
  ['preact/hooks', 'preact', 'hooks/dist/hooks.mjs', 'preact-hooks.js'],
  ['htm', 'htm', 'dist/htm.mjs', 'htm.js'],
  ['uplot', 'uplot', 'dist/uPlot.esm.js', 'uplot.js'],
  ['uplot.css', 'uplot', 'dist/uPlot.min.css', 'uplot.css'],
] as const;

type Asset = { plain: Buffer; gzip: Buffer };
type Assets = { version: string; files: ReadonlyMap<string, Asset> };

/**
 * GET /assets/… and /favicon.ico: the operator's page's own files and its libraries, read once. Their address holds a hash of them all, so
 * that a browser asks once for each version. Open to all: nothing of an alert is in them.
 */
export function assetRoutes(assets: Assets): Router {
  const router = Router();
  router.route('/assets/:version/:file').get(getAsset(assets)).all(allow('GET'));
  router
    .route('/favicon.ico')
    .get(
      (_req, res) =>
        void res.type('svg').set('Cache-Control', 'max-age=86400').send(assets.files.get('icon.svg')?.plain),
    )
    .all(allow('GET'));
  return router;
}

/**
 * GET /: the operator's page. `videos` is the origin of the video server as browsers reach it; `doneJobs`: whether Bull Board has
 * those of processed alerts.
 */
export function pageRoutes(
  assets: Assets,
  { videos = '', doneJobs }: { videos: string | undefined; doneJobs: boolean },
): Router {
  const template = readFileSync(join(FOLDER, 'index.html'), 'utf8').replaceAll(
    '{{assets}}',
    `/assets/${assets.version}`,
  );
  const router = Router();
  router
    .route('/')
    .get(askToLogIn, requireScope('read'), (req, res) => {
      const settings = escapeHtml(JSON.stringify({ ...settingsOf(req.caller), videos, doneJobs }));
      // A function: a `$&` in a key's name would be a pattern in a string.
      res
        .set('Cache-Control', 'private, no-cache')
        .type('html')
        .send(template.replace('{{settings}}', () => settings));
    })
    .all(allow('GET'));
  return router;
}

/** What the page may offer this caller; the routes it would use check again. */
function settingsOf(caller: Caller) {
  return {
    name: caller.name,
    keyed: caller !== EVERYONE,
    scopes: [...caller.scopes],
    // The board shows all stores' jobs.
    board: caller.stores === undefined,
  };
}

/** Reads the page's files. Browsers know no packages: the imports of one become those of a file beside. */
export function readAssets(): Assets {
  const texts = new Map<string, string>();
  for (const name of readdirSync(FOLDER).sort()) {
    if (SERVED.has(extname(name))) texts.set(name, readFileSync(join(FOLDER, name), 'utf8'));
  }
  const { resolve } = createRequire(import.meta.url);
  for (const [, library, path, name] of LIBRARIES) {
    texts.set(name, readFileSync(join(packageFolder(resolve(library), library), path), 'utf8'));
  }
  // Compressed once: 249 KiB become 81.
  const files = new Map<string, Asset>();
  for (const [name, text] of texts) {
    const plain = Buffer.from(withFileImports(text));
    files.set(name, { plain, gzip: gzipSync(plain) });
  }
  const hash = createHash('sha256');
  for (const [name, { plain }] of files) hash.update(name).update(plain);
  return { version: hash.digest('base64url').slice(0, 12), files };
}

function packageFolder(file: string, name: string): string {
  const folder = join('node_modules', name);
  return file.slice(0, file.lastIndexOf(folder) + folder.length);
}

function withFileImports(text: string): string {
  return text.replace(/\b(from\s*)(['"])([^'"]+)\2/g, (all, from, quote, target) => {
    const library = LIBRARIES.find(([specifier]) => specifier === target);
    return library ? `${from}${quote}./${library[3]}${quote}` : all;
  });
}

function getAsset({ version, files }: Assets): RequestHandler<{ version: string; file: string }> {
  return (req, res) => {
    const asset = files.get(req.params.file);
    if (asset === undefined) throw new Problem('not-found', 'The page has no such file.');
    // While replicas of two versions run, one is asked for files of the other: they get its own, and keep none.
    res.set('Cache-Control', req.params.version === version ? `public, max-age=${YEAR_S}, immutable` : 'no-store');
    res.type(extname(req.params.file)).vary('Accept-Encoding');
    if (req.acceptsEncodings('gzip') === 'gzip') res.set('Content-Encoding', 'gzip').send(asset.gzip);
    else res.send(asset.plain);
  };
}
