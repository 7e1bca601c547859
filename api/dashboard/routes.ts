import { readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { type RequestHandler, Router } from 'express';
import { type Client, EVERYONE, requireScope } from '../auth/client.ts';
import { redirectToLogin } from '../auth/login.ts';
import { escapeHtml } from '../http/escape-html.ts';
import { allow, Problem } from '../http/problem.ts';
import { type Assets, PAGE_FOLDER } from './assets.ts';
import type { PageSettings } from './settings.ts';

const YEAR_S = 31_536_000;

/**
 * GET /assets/… and /favicon.ico: the page's files and its libraries. Their URL contains a hash of all of them, so that
 * browsers cache each version forever. They need no key: they contain no data.
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

/** GET /: the operator's page. */
export function pageRoutes(
  assets: Assets,
  {
    videos = '',
    doneJobs,
    failureCodes,
    pictures,
  }: Pick<PageSettings, 'doneJobs' | 'failureCodes' | 'pictures'> & { videos?: string | undefined },
): Router {
  const template = readFileSync(join(PAGE_FOLDER, 'index.html'), 'utf8')
    .replaceAll('{{assets}}', assets.path)
    .replace('{{importmap}}', () => `<script type="importmap">${assets.importMap}</script>`);
  const router = Router();
  router
    .route('/')
    .get(redirectToLogin, requireScope('read'), (req, res) => {
      const settings: PageSettings = {
        ...settingsOf(req.apiClient),
        doneJobs,
        failureCodes,
        pictures,
        videos,
      };
      // The import map is the only inline script: browsers do not load import maps from a URL.
      const policy = res.get('Content-Security-Policy');
      if (policy) res.set('Content-Security-Policy', `${policy};script-src 'self' '${assets.importMapHash}'`);
      res
        .set('Cache-Control', 'private, no-cache')
        .type('html')
        // A function, because replace() would expand a `$&` in a string.
        .send(template.replace('{{settings}}', () => escapeHtml(JSON.stringify(settings))));
    })
    .all(allow('GET'));
  return router;
}

/** Returns what the page offers this client. The routes behind it check the scopes themselves. */
function settingsOf(client: Client) {
  return {
    name: client.name,
    keyed: client !== EVERYONE,
    scopes: [...client.scopes],
    allStores: client.stores === undefined,
  };
}

function getAsset({ version, files }: Assets): RequestHandler<{ version: string; file: string }> {
  return (req, res) => {
    const asset = files.get(req.params.file);
    if (asset === undefined) throw new Problem('not-found', 'The page has no such file.');
    // During a rolling update, a page of one version may request a file from a replica of the other version.
    res.set('Cache-Control', req.params.version === version ? `public, max-age=${YEAR_S}, immutable` : 'no-store');
    res.type(extname(req.params.file)).vary('Accept-Encoding');
    if (req.acceptsEncodings('gzip') === 'gzip') res.set('Content-Encoding', 'gzip').send(asset.gzip);
    else res.send(asset.plain);
  };
}
