import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type MediaApi, sha256Of, startMediaApi } from '#api/media/test/media-fixture.ts';
import { freePort } from '#test/harness/ports.ts';
import { type Process, startProcess } from '#test/harness/process.ts';
import { findTestProgram } from '#test/harness/system-packages.ts';
import { waitFor } from '#test/harness/wait.ts';

// The cache that docs/cdn.md shows, in front of the real api. Only ports, folders, names and TLS are changed.

const nginx = await findTestProgram({ commands: ['nginx'], aptPackage: 'nginx-light' }, process.env);
const COPY = randomBytes(3_000_000);

describe.skipIf('missing' in nginx)('the documented cache', () => {
  let folder: string;
  let api: MediaApi;
  let cache: Process;
  let origin: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'documented-cdn-'));
    api = await startMediaApi({ trustProxy: 1 });
    const port = await freePort();
    origin = `http://127.0.0.1:${port}`;
    const page = await readFile(join(import.meta.dirname, '../../docs/cdn.md'), 'utf8');
    const [, block = ''] = /```nginx\n([\s\S]+?)```/.exec(page) ?? [];
    const server = block
      .replace('listen 443 ssl;', `listen 127.0.0.1:${port};`)
      .replace('/var/cache/nginx/media', `${folder}/cache`)
      .replace('proxy_set_header Host alerts.example.com;', '')
      .replace('https://alerts.example.com', api.url)
      .replace('http://videos.example.internal:8080', api.url);
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
    const paths = temporary.map((name) => `${name}_temp_path ${join(folder, name)};`).join(' ');
    const main = `daemon off; user root; pid ${folder}/nginx.pid; events {} http { access_log off; ${paths}\n${server}}`;
    await writeFile(join(folder, 'nginx.conf'), main);
    const args = ['-e', 'stderr', '-c', join(folder, 'nginx.conf')];
    cache = startProcess({ name: 'nginx', file: 'path' in nginx ? nginx.path : '', args });
    await waitFor(() => fetch(origin).catch(() => undefined), { timeoutMs: 60_000, what: 'nginx' });
  }, 120_000);
  afterAll(async () => {
    await cache?.stop();
    await api?.close();
    await rm(folder, { recursive: true });
  });

  /** Returns path and query of a new link to the copy. */
  async function linkTo(uuid: string): Promise<string> {
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ of: 'copy', expires_in: 600 });
    const response = await fetch(`${api.url}/alerts/${uuid}/links`, { method: 'POST', headers, body });
    const { pathname, search } = new URL(((await response.json()) as { url: string }).url);
    return pathname + search;
  }

  const served = () => api.logged.filter(({ path }) => `${path}`.startsWith('/media/')).length;

  it('keeps a file by its link, whole and in ranges, also while the origin is stopped or the link revoked', async () => {
    const uuid = await api.addAlert('copy', COPY);
    const link = await linkTo(uuid);
    const part = await fetch(origin + link, { headers: { range: 'bytes=1500000-1500009' } });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, 'bytes 1500000-1500009/3000000']);
    expect(Buffer.from(await part.arrayBuffer())).toEqual(COPY.subarray(1_500_000, 1_500_010));
    const whole = await fetch(origin + link);
    expect([whole.status, whole.headers.get('etag')]).toEqual([200, `"${sha256Of(COPY)}"`]);
    expect(Buffer.from(await whole.arrayBuffer())).toEqual(COPY);
    const requests = served();
    for (let n = 0; n < 3; n += 1) await (await fetch(origin + link)).arrayBuffer();
    expect(served()).toBe(requests);
    // Until it is purged, the cache has the file, although the link is revoked.
    await fetch(`${api.url}/alerts/${uuid}/links`, { method: 'DELETE' });
    expect((await fetch(api.url + link)).status).toBe(403);
    expect((await fetch(origin + link, { headers: { range: 'bytes=0-9' } })).status).toBe(206);
    expect((await fetch(`${origin}${link}&x=1`)).status).toBe(403);
  });

  it('does not keep errors', async () => {
    const uuid = await api.addAlert('copy');
    const link = await linkTo(uuid);
    expect((await fetch(origin + link)).status).toBe(404);
    const before = served();
    const again = await fetch(origin + link);
    expect([again.status, again.headers.get('cache-control')]).toEqual([404, 'private, no-store']);
    expect(served()).toBe(before + 1);
    expect((await fetch(`${origin}/alerts`)).status).toBe(404);
  });
});
