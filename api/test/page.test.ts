import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FailureCode } from '#prisma/generated/enums.ts';
import { ask, keyAuth, keyOf } from './browser.ts';
import { startTestApi, type TestApi } from './test-api.ts';

const VIDEOS = 'https://videos.example.com:8443';

let api: TestApi;
let open: TestApi;
beforeAll(async () => {
  [api, open] = await Promise.all([startTestApi({ auth: keyAuth }), startTestApi({ videos: VIDEOS })]);
});
afterAll(() => Promise.all([api.close(), open.close()]));

const get = (path: string, headers: Record<string, string> = {}, of = open) =>
  fetch(of.url + path, { headers, redirect: 'manual' });
const page = async () => (await get('/')).text();
const assets = async () => /\/assets\/[\w-]{12}\//.exec(await page())?.[0] ?? '';

describe('GET /', () => {
  it('leads a browser without a key to the login, and tells a program that it needs one', async () => {
    const browser = await get('/?status=failed', { accept: 'text/html,*/*' }, api);
    expect(browser.status).toBe(303);
    expect(browser.headers.get('location')).toBe('/login?next=%2F%3Fstatus%3Dfailed');
    expect((await get('/', {}, api)).status).toBe(401);
  });

  it('is for who may read', async () => {
    const [reader, writer] = [await keyOf(api.db, 'read'), await keyOf(api.db, 'write')];
    expect((await get('/', { authorization: `Bearer ${reader}` }, api)).status).toBe(200);
    expect((await get('/', { authorization: `Bearer ${writer}` }, api)).status).toBe(403);
  });

  it('lets a page load from this server alone, but for media from the video server', async () => {
    const policy = (await get('/')).headers.get('content-security-policy')?.split(';') ?? [];
    expect(policy).toContain("default-src 'self'");
    expect(policy).toContain(`media-src 'self' ${VIDEOS}`);
    expect(policy).toContain("style-src 'self'");
    const without = (await get('/', { authorization: `Bearer ${await keyOf(api.db, 'read')}` }, api)).headers;
    expect(without.get('content-security-policy')).toContain("media-src 'self';");
  });

  it('holds nothing inline, and what it says of the caller as a value only', async () => {
    const text = await page();
    expect(text).not.toMatch(/<script>|<style|\sstyle=|\son\w+=/);
    const settings = /name="settings" content="([^"]*)"/.exec(text)?.[1]?.replaceAll('&#34;', '"') ?? '';
    expect(JSON.parse(settings)).toMatchObject({ keyed: false, board: true, doneJobs: false, videos: VIDEOS });
  });
});

describe('GET /assets', () => {
  it('is kept for a year under its own version, and not at all under another', async () => {
    const own = await get(`${await assets()}main.js`);
    expect(own.headers.get('content-type')).toMatch(/^text\/javascript/);
    expect(own.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    const other = await get('/assets/another-one-/main.js');
    expect(other.status).toBe(200);
    expect(other.headers.get('cache-control')).toBe('no-store');
  });

  it('is compressed for who can read that', async () => {
    const path = `${await assets()}uplot.js`;
    const lengthFor = async (encoding: string) => {
      const { headers } = await ask(open.url + path, { headers: { 'accept-encoding': encoding } });
      expect(headers.vary).toBe('Accept-Encoding');
      return [headers['content-encoding'], Number(headers['content-length'])] as const;
    };
    const [[none, whole], [gzip, small]] = [await lengthFor('identity'), await lengthFor('gzip, br')];
    expect([none, gzip]).toEqual([undefined, 'gzip']);
    expect(small).toBeLessThan(whole / 3);
  });

  it('has the icon where browsers look for it by themselves', async () => {
    const icon = await get('/favicon.ico', {}, api);
    expect(icon.headers.get('content-type')).toMatch(/^image\/svg\+xml/);
    expect(await icon.text()).toMatch(/^<svg /);
  });

  it('is open to all, and holds no other file', async () => {
    expect((await get(`${await assets()}main.js`, {}, api)).status).toBe(200);
    for (const name of ['index.html', 'tsconfig.json', '..%2fapp.ts', '__proto__', 'nothing.js']) {
      expect((await get((await assets()) + name)).status, name).toBe(404);
    }
  });

  it('has everything that its modules import: no package’s name is left', async () => {
    const folder = await assets();
    const seen = new Set<string>();
    const waiting = ['main.js'];
    for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
      if (seen.has(name)) continue;
      seen.add(name);
      const answer = await get(folder + name);
      expect(answer.status, name).toBe(200);
      const code = (await answer.text()).replace(/^\s*(\/\/|\/?\*).*$/gm, '');
      for (const [, target = ''] of code.matchAll(/(?<!['"])\bfrom\s*['"]([^'"]+)['"]/g)) {
        expect(target, `in ${name}`).toMatch(/^\.\/[\w-]+\.js$/);
        waiting.push(target.slice(2));
      }
    }
    expect([...seen]).toEqual(
      expect.arrayContaining(['preact.js', 'preact-hooks.js', 'htm.js', 'uplot.js', 'table.js']),
    );
  });
});

it('the page explains every failure code, and no other', () => {
  const text = readFileSync(new URL('../dashboard/browser/failure-codes.js', import.meta.url), 'utf8');
  const explained = [...text.matchAll(/^ {2}(\w+): \{$/gm)].map(([, code]) => code);
  expect(explained.sort()).toEqual(Object.values(FailureCode).sort());
});
