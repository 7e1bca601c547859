import { randomBytes, randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { MediaStore } from '#media/store.ts';
import { json } from '../../test/test-api.ts';
import { type MediaApi, sha256Of, startMediaApi } from './media-fixture.ts';

const PICTURE = randomBytes(20_000);
let api: MediaApi;
let url: string;
beforeAll(async () => {
  api = await startMediaApi();
  url = `${api.url}/alerts/${await api.addAlert('picture', PICTURE)}/picture`;
});
afterAll(() => api.close());

const bytesOf = async (response: Response) => Buffer.from(await response.arrayBuffer());

describe('GET /alerts/:uuid/picture', () => {
  it('is a WebP file that browsers keep', async () => {
    const response = await fetch(url);
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'image/webp',
      'content-length': '20000',
      'cache-control': 'private, max-age=31536000, immutable',
      etag: `"${sha256Of(PICTURE)}"`,
      'accept-ranges': 'bytes',
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'same-origin',
    });
    expect(await bytesOf(response)).toEqual(PICTURE);
  });

  it('supports HEAD and If-None-Match', async () => {
    const head = await fetch(url, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '20000']);
    const etag = head.headers.get('etag') ?? '';
    const cached = await fetch(url, { headers: { 'if-none-match': etag } });
    expect([cached.status, cached.headers.get('cache-control')]).toEqual([304, 'private, max-age=31536000, immutable']);
    expect((await fetch(url, { headers: { 'if-none-match': '"x"' } })).status).toBe(200);
    expect((await fetch(url, { method: 'POST' })).status).toBe(405);
  });

  it.each<[string, Record<string, string>, number, [number, number] | undefined]>([
    ['one range', { range: 'bytes=10-19' }, 206, [10, 20]],
    ['the end', { range: 'bytes=-5' }, 206, [19_995, 20_000]],
    ['more than there is', { range: 'bytes=19990-99999' }, 206, [19_990, 20_000]],
    ['several ranges', { range: 'bytes=0-1,5-6' }, 200, undefined],
    ['another unit', { range: 'items=0-1' }, 200, undefined],
    ['no range', { range: 'bytes=x' }, 200, undefined],
    ['another file', { range: 'bytes=10-19', 'if-range': '"x"' }, 200, undefined],
    ['this file', { range: 'bytes=10-19', 'if-range': `"${sha256Of(PICTURE)}"` }, 206, [10, 20]],
  ])('sends the range of a request for %s', async (_what, headers, status, range) => {
    const response = await fetch(url, { headers });
    expect(response.status).toBe(status);
    const [start, end] = range ?? [0, 20_000];
    expect(response.headers.get('content-range')).toBe(range ? `bytes ${start}-${end - 1}/20000` : null);
    expect(await bytesOf(response)).toEqual(PICTURE.subarray(start, end));
  });

  it('rejects a range after the end, without being cached', async () => {
    const response = await fetch(url, { headers: { range: 'bytes=20000-' } });
    expect([response.status, response.headers.get('content-range')]).toEqual([416, 'bytes */20000']);
    expect(response.headers.get('cache-control')).toBe('private, no-store');
    expect(await json(response)).toMatchObject({ type: '/problems/range-not-satisfiable' });
  });

  it('says why there is none', async () => {
    const uuid = await api.addAlert('picture');
    const get = () => fetch(`${api.url}/alerts/${uuid}/picture`);
    expect(await json(await get())).toMatchObject({ status: 404, status_now: 'none', reason: 'disabled' });
    await api.db.$executeRaw`INSERT INTO pictures (alert_id) SELECT id FROM alerts WHERE uuid = ${uuid}::uuid`;
    const pending = await get();
    expect(pending.headers.get('retry-after')).toBe('1');
    expect(await json(pending)).toMatchObject({ type: '/problems/picture-not-available', status_now: 'pending' });
    await api.db.$executeRaw`UPDATE pictures SET status = 'none', reason = 'frame_damaged' FROM alerts
      WHERE alert_id = alerts.id AND uuid = ${uuid}::uuid`;
    expect(await json(await get())).toMatchObject({ reason: 'frame_damaged', detail: 'Its first frame is damaged.' });
    const { uuid: unprocessed } = await json(
      await api.post({ uuid: randomUUID(), video: '/a.mp4', timestamp: 1, store: 's' }),
    );
    const none = await json(await fetch(`${api.url}/alerts/${unprocessed}/picture`));
    expect(none).toMatchObject({ status_now: 'none', reason: null, detail: expect.stringContaining('pending') });
    expect((await fetch(`${api.url}/alerts/${randomUUID()}/picture`)).status).toBe(404);
    expect((await fetch(`${api.url}/alerts/x/picture`)).status).toBe(422);
  });

  it('reports a file that is missing', async () => {
    const bytes = randomBytes(10);
    const lost = `${api.url}/alerts/${await api.addAlert('picture', bytes)}/picture`;
    rmSync(join(api.folder, `${api.store.internalPath?.('picture', sha256Of(bytes))}`));
    for (const method of ['GET', 'HEAD']) {
      const response = await fetch(lost, { method });
      expect([response.status, response.headers.get('cache-control')]).toEqual([404, 'private, no-store']);
      expect([response.headers.get('etag'), response.headers.get('accept-ranges')]).not.toContain('bytes');
    }
    expect(await json(await fetch(lost))).toMatchObject({ reason: 'file_lost' });
  });
});

describe('the store', () => {
  /** Starts an api whose files are in a store with other methods. */
  async function withStore(changes: Partial<MediaStore>) {
    const own = await startMediaApi();
    onTestFinished(own.close);
    const uuid = await own.addAlert('picture', PICTURE);
    Object.assign(own.store, changes);
    return `${own.url}/alerts/${uuid}/picture`;
  }

  it('is unavailable', async () => {
    const unavailable = await withStore({ open: () => Promise.reject(new Error('secret')) });
    const response = await fetch(unavailable);
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5']);
    expect(JSON.stringify(await json(response))).not.toContain('secret');
  });

  it('fails in the middle of a file: the response is cut', async () => {
    async function* half() {
      yield PICTURE.subarray(0, 10_000);
      throw new Error('connection lost');
    }
    const failing = await withStore({ open: async () => ({ stream: Readable.from(half()), size: PICTURE.length }) });
    const response = await fetch(failing);
    await expect(response.arrayBuffer()).rejects.toThrow();
  });

  it('closes the file if the client ends early', async () => {
    let stream: Readable | undefined;
    const endless = await withStore({
      async open() {
        stream = new Readable({ read: () => setImmediate(() => stream?.push(Buffer.alloc(1_000))) });
        return { stream, size: PICTURE.length };
      },
    });
    const abort = new AbortController();
    const response = await fetch(endless, { signal: abort.signal });
    await response.body?.getReader().read();
    abort.abort();
    await expect.poll(() => stream?.destroyed).toBe(true);
  });

  it('is missing', async () => {
    const own = await startMediaApi({ media: { store: undefined } });
    onTestFinished(own.close);
    const response = await fetch(`${own.url}/alerts/${await own.addAlert('picture', PICTURE)}/picture`);
    expect(await json(response)).toMatchObject({ status: 503, detail: 'MEDIA_URL is not set.' });
  });
});

describe('MEDIA_ACCEL', () => {
  it('lets the proxy send the file, after the api has decided', async () => {
    const own = await startMediaApi({ media: { accel: '/_media/' } });
    onTestFinished(own.close);
    const uuid = await own.addAlert('picture', PICTURE);
    const response = await fetch(`${own.url}/alerts/${uuid}/picture`, { headers: { range: 'bytes=0-1' } });
    const sha256 = sha256Of(PICTURE);
    expect(response.headers.get('x-accel-redirect')).toBe(
      `/_media/pictures/${sha256.slice(0, 2)}/${sha256.slice(2, 4)}/${sha256}.webp`,
    );
    expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([
      200,
      'image/webp',
      '',
    ]);
    const etag = response.headers.get('etag') ?? '';
    const cached = await fetch(`${own.url}/alerts/${uuid}/picture`, { headers: { 'if-none-match': etag } });
    expect([cached.status, cached.headers.get('x-accel-redirect')]).toEqual([304, null]);
  });
});
