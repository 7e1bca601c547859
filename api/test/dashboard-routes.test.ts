import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FailureCode } from '#prisma/generated/enums.ts';
import { createKey, keyAuth, sendRaw } from './browser.ts';
import { startTestApi, type TestApi } from './test-api.ts';

const VIDEOS = 'https://videos.example.com:8443';

let keyed: TestApi;
let open: TestApi;
beforeAll(async () => {
  [keyed, open] = await Promise.all([startTestApi({ auth: keyAuth }), startTestApi({ videos: VIDEOS })]);
});
afterAll(() => Promise.all([keyed.close(), open.close()]));

const get = (path: string, headers: Record<string, string> = {}, api = open) =>
  fetch(api.url + path, { headers, redirect: 'manual' });
const page = async () => (await get('/')).text();
const assetPath = async () => /\/assets\/[\w-]{12}\//.exec(await page())?.[0] ?? '';
const importMap = async () => /<script type="importmap">(.*?)<\/script>/.exec(await page())?.[1] ?? '';

describe('GET /', () => {
  it('redirects a browser without a key to the login, and rejects a program with 401', async () => {
    const browser = await get('/?status=failed', { accept: 'text/html,*/*' }, keyed);
    expect(browser.status).toBe(303);
    expect(browser.headers.get('location')).toBe('/login?next=%2F%3Fstatus%3Dfailed');
    expect((await get('/', {}, keyed)).status).toBe(401);
  });

  it('requires the scope read', async () => {
    const [reader, writer] = [await createKey(keyed.db, 'read'), await createKey(keyed.db, 'write')];
    expect((await get('/', { authorization: `Bearer ${reader}` }, keyed)).status).toBe(200);
    expect((await get('/', { authorization: `Bearer ${writer}` }, keyed)).status).toBe(403);
  });

  it('allows content from this server only, and media from the video server', async () => {
    const policy = (await get('/')).headers.get('content-security-policy')?.split(';') ?? [];
    expect(policy).toContain("default-src 'self'");
    expect(policy).toContain(`media-src 'self' ${VIDEOS}`);
    expect(policy).toContain("style-src 'self'");
    const reader = await createKey(keyed.db, 'read');
    const withoutVideos = (await get('/', { authorization: `Bearer ${reader}` }, keyed)).headers;
    expect(withoutVideos.get('content-security-policy')).toContain("media-src 'self';");
  });

  it('allows the import map as the only inline script', async () => {
    const policy = (await get('/')).headers.get('content-security-policy')?.split(';') ?? [];
    const hash = createHash('sha256')
      .update(await importMap())
      .digest('base64');
    expect(policy).toContain(`script-src 'self' 'sha256-${hash}'`);
    expect((await get('/docs')).headers.get('content-security-policy')).not.toContain('sha256-');
  });

  it('contains no other inline script or style, and the settings as an attribute', async () => {
    const text = await page();
    expect(text).not.toMatch(/<script>|<style|\sstyle=|\son\w+=/);
    const settings = /name="settings" content="([^"]*)"/.exec(text)?.[1]?.replaceAll('&#34;', '"') ?? '';
    expect(JSON.parse(settings)).toMatchObject({ keyed: false, allStores: true, doneJobs: false, videos: VIDEOS });
  });
});

describe('GET /assets', () => {
  it('is cached for a year under its own version, and not at all under another', async () => {
    const own = await get(`${await assetPath()}main.js`);
    expect(own.headers.get('content-type')).toMatch(/^text\/javascript/);
    expect(own.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    const other = await get('/assets/another-one-/main.js');
    expect(other.status).toBe(200);
    expect(other.headers.get('cache-control')).toBe('no-store');
  });

  it('is compressed for clients that accept gzip', async () => {
    const path = `${await assetPath()}uplot.js`;
    const lengthWith = async (encoding: string) => {
      const { headers } = await sendRaw(open.url + path, { headers: { 'accept-encoding': encoding } });
      expect(headers.vary).toBe('Accept-Encoding');
      return [headers['content-encoding'], Number(headers['content-length'])] as const;
    };
    const [[none, plain], [gzip, compressed]] = [await lengthWith('identity'), await lengthWith('gzip, br')];
    expect([none, gzip]).toEqual([undefined, 'gzip']);
    expect(compressed).toBeLessThan(plain / 3);
  });

  it('serves the icon at the path that browsers request by default', async () => {
    const icon = await get('/favicon.ico', {}, keyed);
    expect(icon.headers.get('content-type')).toMatch(/^image\/svg\+xml/);
    expect(await icon.text()).toMatch(/^<svg /);
  });

  it('needs no key, and serves no other files', async () => {
    expect((await get(`${await assetPath()}main.js`, {}, keyed)).status).toBe(200);
    for (const name of ['index.html', 'tsconfig.json', '..%2fapp.ts', '__proto__', 'nothing.js']) {
      expect((await get((await assetPath()) + name)).status, name).toBe(404);
    }
  });

  it('serves every module that a module of the page imports', async () => {
    const { imports } = JSON.parse(await importMap());
    const folder = await assetPath();
    const loaded = new Set<string>();
    const pending = [`${folder}main.js`];
    for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
      if (loaded.has(path)) continue;
      loaded.add(path);
      const response = await get(path);
      expect(response.status, path).toBe(200);
      const code = (await response.text()).replace(/^\s*(\/\/|\/?\*).*$/gm, '');
      for (const [, specifier = ''] of code.matchAll(/(?<!['"])\bfrom\s*['"]([^'"]+)['"]/g)) {
        const target = specifier.startsWith('./') ? folder + specifier.slice(2) : imports[specifier];
        expect(target, `${specifier} in ${path}`).toBeTypeOf('string');
        pending.push(target);
      }
    }
    const names = [...loaded].map((path) => path.slice(folder.length));
    expect(names).toEqual(
      expect.arrayContaining(['preact.js', 'preact-hooks.js', 'htm.js', 'uplot.js', 'alert-table.js']),
    );
  });

  it('serves every style sheet that the page links', async () => {
    const sheets = [...(await page()).matchAll(/rel="stylesheet" href="([^"]+)"/g)].map(([, path = '']) => path);
    expect(sheets.length).toBeGreaterThan(5);
    for (const path of sheets) {
      expect((await get(path)).headers.get('content-type'), path).toMatch(/^text\/css/);
    }
  });
});

it('the page, OpenAPI and docs/errors.md explain each failure code in the same words', async () => {
  const text = await page();
  const settings = /name="settings" content="([^"]*)"/.exec(text)?.[1] ?? '';
  const { failureCodes } = JSON.parse(settings.replace(/&#(\d+);/g, (_all, code) => String.fromCharCode(Number(code))));
  expect(Object.keys(failureCodes).sort()).toEqual(Object.values(FailureCode).sort());
  const docs = (await readFile('docs/errors.md', 'utf8')).replaceAll('`', '');
  const openApi = JSON.stringify(await (await get('/openapi.json')).json()).replaceAll('`', '');
  for (const [code, { meaning, action }] of Object.entries<{ meaning: string; action: string }>(failureCodes)) {
    const cells =
      docs
        .split('\n')
        .find((line) => line.startsWith(`| ${code} |`))
        ?.split(' | ') ?? [];
    expect([cells[1], cells[3]]).toEqual([meaning, `${action} |`]);
    expect(openApi).toContain(`${code}: ${meaning} ${action}`);
  }
});
