import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, type TestContext } from 'vitest';
import { type MediaApi, sha256Of, startMediaApi } from '#api/media/test/media-fixture.ts';
import { type PublicEndpoint, startPublicEndpoint } from '#test/harness/nginx.ts';

// nginx with the real api: the api decides, nginx sends the file.
const PICTURE = randomBytes(20_000);
const COPY = randomBytes(300_000);
const SHA256 = sha256Of(PICTURE);
const FILE = `/_media/pictures/${SHA256.slice(0, 2)}/${SHA256.slice(2, 4)}/${SHA256}.webp`;

let api: MediaApi;
let endpoint: PublicEndpoint | { missing: string };
let picture: string;
let copy: string;
let url: string;
beforeAll(async () => {
  api = await startMediaApi({ media: { accel: '/_media/' }, trustProxy: 1 });
  chmodSync(api.folder, 0o755); // nginx started by root serves as nobody
  endpoint = await startPublicEndpoint({ apis: [Number(new URL(api.url).port)], mediaFolder: api.folder });
  if ('missing' in endpoint) return;
  url = `http://127.0.0.1:${endpoint.ports.api}`;
  picture = await api.addAlert('picture', PICTURE);
  copy = await api.addAlert('copy', COPY);
}, 120_000);
afterAll(async () => {
  if ('ports' in endpoint) await endpoint.close();
  await api.close();
});

const needsNginx = ({ skip }: TestContext) => ('missing' in endpoint ? skip(endpoint.missing) : undefined);

async function linkTo(uuid: string, of: string): Promise<string> {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ of, expires_in: 600 });
  const created = await fetch(`${url}/alerts/${uuid}/links`, { method: 'POST', headers, body });
  return ((await created.json()) as { url: string }).url;
}

/** Returns status and body of a path that is sent as it is. */
function getRaw(path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const { port } = new URL(url);
    const sent = request({ host: '127.0.0.1', port, path }, (response) => {
      let body = '';
      response.on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    sent.on('error', reject).end();
  });
}

describe('nginx', () => {
  it('sends the file of a picture with the headers of the api', async (context) => {
    needsNginx(context);
    const response = await fetch(`${url}/alerts/${picture}/picture`, { headers: { 'x-request-id': 'mine' } });
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'image/webp',
      'content-length': '20000',
      'cache-control': 'private, max-age=31536000, immutable',
      etag: `"${SHA256}"`,
      'accept-ranges': 'bytes',
      'content-disposition': `inline; filename="${picture}.webp"`,
      'x-request-id': 'mine',
      'x-content-type-options': 'nosniff',
      'content-security-policy': expect.stringContaining("default-src 'self'"),
      'cross-origin-resource-policy': 'same-origin',
    });
    expect(response.headers.get('x-accel-redirect')).toBeNull();
    expect(Buffer.from(await response.arrayBuffer())).toEqual(PICTURE);
    const headers = { 'if-none-match': `"${SHA256}"` };
    expect((await fetch(`${url}/alerts/${picture}/picture`, { headers })).status).toBe(304);
    const head = await fetch(`${url}/alerts/${picture}/picture`, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '20000']);
  });

  it('sends ranges of a copy by a signed link that caches may keep', async (context) => {
    needsNginx(context);
    const link = await linkTo(copy, 'copy');
    expect(link).toContain(`${url}/media/copy/${copy}?`);
    const headers = { range: 'bytes=100-199', 'if-range': `"${sha256Of(COPY)}"` };
    const part = await fetch(link, { headers });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, 'bytes 100-199/300000']);
    expect(part.headers.get('cache-control')).toMatch(/^public, max-age=\d+, immutable$/);
    expect(part.headers.get('cross-origin-resource-policy')).toBe('cross-origin');
    expect(Buffer.from(await part.arrayBuffer())).toEqual(COPY.subarray(100, 200));
    const several = await fetch(link, { headers: { range: 'bytes=0-1,5-6' } });
    expect([several.status, (await several.arrayBuffer()).byteLength]).toEqual([200, 300_000]);
    const other = await fetch(link, { headers: { ...headers, 'if-range': '"x"' } });
    expect([other.status, (await other.arrayBuffer()).byteLength]).toEqual([200, 300_000]);
    const after = await fetch(link, { headers: { range: 'bytes=300000-' } });
    expect([after.status, after.headers.get('content-range')]).toEqual([416, 'bytes */300000']);
    expect(await after.json()).toMatchObject({ type: '/problems/range-not-satisfiable' });
    expect((await fetch(link.replace(copy, picture))).status).toBe(403);
  });

  it.each([
    FILE,
    '/_media/',
    '/_media/pictures/',
    FILE.replace('/_media', '//_media'),
    FILE.replace('/_media', '/x/../_media'),
    FILE.replace('/_media', '/%5fmedia'),
    '/_media/../../etc/passwd',
    '/_media/pictures/%2e%2e/%2e%2e/etc/passwd',
    '/_media/pictures/..%2f..%2f..%2fetc/passwd',
  ])('does not send %s to a client', async (path) => {
    if ('missing' in endpoint) return;
    const { status, body } = await getRaw(path);
    // Paths that leave the root are not valid.
    expect([400, 404]).toContain(status);
    expect(JSON.parse(body)).toMatchObject({ type: status === 404 ? '/problems/not-found' : '/problems/bad-request' });
  });

  it('sends no file outside of the folder, and reports one that is missing', async (context) => {
    needsNginx(context);
    const lost = randomBytes(100);
    const uuid = await api.addAlert('picture', lost);
    const path = join(api.folder, `${api.store.internalPath?.('picture', sha256Of(lost))}`);
    const secret = join(api.folder, '..', `secret-${uuid}`);
    writeFileSync(secret, 'secret');
    chmodSync(secret, 0o644);
    unlinkSync(path);
    symlinkSync(secret, path);
    const linked = await fetch(`${url}/alerts/${uuid}/picture`);
    expect([linked.status, await linked.text()]).toEqual([404, expect.not.stringMatching(/^secret/)]);
    unlinkSync(path);
    rmSync(secret);
    const missing = await fetch(`${url}/alerts/${uuid}/picture`);
    expect([missing.status, missing.headers.get('cache-control')]).toEqual([404, 'private, no-store']);
    expect(missing.headers.get('content-type')).toContain('application/problem+json');
  });
});

it('sends the file if the api was unavailable at first', async ({ skip }) => {
  const folder = mkdtempSync(join(tmpdir(), 'nginx-media-'));
  const path = join(folder, FILE.replace('/_media/', ''));
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, PICTURE);
  chmodSync(folder, 0o755);
  const own = await startPublicEndpoint({ mediaFolder: folder });
  if ('missing' in own) return skip(own.missing);
  onTestFinished(async () => {
    await own.close();
    rmSync(folder, { recursive: true });
  });
  await own.stopApi();
  const held = fetch(`http://127.0.0.1:${own.ports.api}${FILE.replace('/_media/', '/stored/')}`);
  await own.startApi();
  const response = await held;
  expect(response.status).toBe(200);
  expect(Buffer.from(await response.arrayBuffer())).toEqual(PICTURE);
});
