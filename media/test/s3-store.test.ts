import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readSources } from '#sources/file.ts';
import type { S3Source } from '#sources/s3.ts';
import { S3_CREDENTIALS, startS3Server, startScriptedS3Server } from '#test/harness/s3-server.ts';
import { certificate } from '#test/harness/video-server.ts';
import { openS3Store } from '../s3-store.ts';
import { type MediaStore, openConfiguredStore, openMediaStore, type StoredFile } from '../store.ts';

const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** Returns the path of a file of sources with one bucket. */
function sourcesFile(settings: object): string {
  const folder = mkdtempSync(join(tmpdir(), 'media-s3-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'id'), S3_CREDENTIALS.accessKeyId);
  writeFileSync(join(folder, 'secret'), S3_CREDENTIALS.secretAccessKey);
  const files = { access_key_id_file: 'id', secret_access_key_file: 'secret' };
  const bucket = { kind: 's3', region: 'us-east-1', bucket: 'media', path_style: true, ...files, ...settings };
  // The second source has credentials that are missing: they are not read.
  const other = { ...bucket, access_key_id_file: 'missing' };
  writeFileSync(join(folder, 'sources.json'), JSON.stringify({ sources: { archive: bucket, other } }));
  return join(folder, 'sources.json');
}

async function openStore(prefix = 'a b+c/', protocol: 'http' | 'https' = 'http') {
  const server = await startS3Server(['media'], protocol);
  onTestFinished(server.close);
  const ca = protocol === 'https' ? { ca_file: certificate } : {};
  const config = {
    MEDIA_URL: 's3://archive/v1',
    SOURCES_FILE: sourcesFile({ endpoint: server.origin, prefix, ...ca }),
  };
  const store = openConfiguredStore(config, {});
  if (!store) throw new Error('there is no store');
  onTestFinished(() => store.close());
  return { store, server };
}

async function contentOf(store: MediaStore, sha256: string, range?: { start: number; end: number }) {
  const file = await store.open('picture', sha256, range);
  return file && { size: file.size, bytes: await buffer(file.stream) };
}

async function allOf(store: MediaStore, kind: 'picture' | 'copy' = 'picture'): Promise<StoredFile[]> {
  const files = [];
  for await (const file of store.list(kind)) files.push(file);
  return files;
}

describe('the store in a bucket', () => {
  it('returns what was stored, whole and in part', async () => {
    const { store } = await openStore();
    const bytes = randomBytes(100_000);
    const sha256 = sha256Of(bytes);
    await store.check();
    expect(await contentOf(store, sha256)).toBeUndefined();
    expect(await store.size('picture', sha256)).toBeUndefined();
    await store.put('picture', bytes, sha256);
    await store.put('picture', bytes, sha256);
    expect(await contentOf(store, sha256)).toEqual({ size: 100_000, bytes });
    const range = { start: 10, end: 20 };
    expect(await contentOf(store, sha256, range)).toEqual({ size: 100_000, bytes: bytes.subarray(10, 20) });
    expect(await contentOf(store, sha256, { start: 10, end: 10 })).toEqual({ size: 100_000, bytes: Buffer.of() });
    expect(await store.size('picture', sha256)).toBe(100_000);
    expect(store.internalPath).toBeUndefined();
    expect(await store.open('copy', sha256)).toBeUndefined();
    expect(await store.size('copy', sha256)).toBeUndefined();
  });

  it('lists and deletes files, and stores a file of the caller', async () => {
    const { store, server } = await openStore();
    expect(await allOf(store)).toEqual([]);
    const pictures = Array.from({ length: 5 }, (_, n) => randomBytes(n + 1));
    for (const bytes of pictures) await store.put('picture', bytes, sha256Of(bytes));
    const copy = randomBytes(2_000_000);
    const path = join(mkdtempSync(join(tmpdir(), 'media-copy-')), 'copy.mp4');
    onTestFinished(() => rmSync(join(path, '..'), { recursive: true }));
    writeFileSync(path, copy);
    await store.put('copy', { path }, sha256Of(copy));
    await server.put('media', 'a b+c/v1/pictures/notes.webp', Buffer.from('x'));
    const listed = await allOf(store);
    expect(listed.map(({ sha256 }) => sha256).toSorted()).toEqual(pictures.map(sha256Of).toSorted());
    expect(listed[0]?.modifiedAt.getTime()).toBeGreaterThan(Date.now() - 3_600_000);
    expect(await allOf(store, 'copy')).toEqual([
      { sha256: sha256Of(copy), bytes: 2_000_000, modifiedAt: expect.any(Date) },
    ]);
    for (const bytes of pictures) await store.remove('picture', sha256Of(bytes));
    await store.remove('picture', sha256Of(randomBytes(1)));
    expect(await allOf(store)).toEqual([]);
  });

  it('can be on a server with its own certificate authority', async () => {
    const { store } = await openStore('', 'https');
    const bytes = randomBytes(10);
    await store.put('picture', bytes, sha256Of(bytes));
    expect((await contentOf(store, sha256Of(bytes)))?.bytes).toEqual(bytes);
  });

  it('explains what is missing', async () => {
    const { store, server } = await openStore();
    const file = sourcesFile({ endpoint: server.origin, bucket: 'others' });
    const other = openConfiguredStore({ MEDIA_URL: 's3://archive', SOURCES_FILE: file }, {});
    onTestFinished(() => other?.close());
    await expect(other?.check()).rejects.toThrow('status 404 to PUT: NoSuchBucket: the bucket does not exist');
    await expect(other?.open('picture', 'a'.repeat(64))).rejects.toThrow('NoSuchBucket');
    const wrong = new Map([
      ['archive', { ...sourceOf(server.origin), credentials: { accessKeyId: 'S3RVER', secretAccessKey: 'x' } }],
    ]);
    const denied = openMediaStore('s3://archive', { sources: wrong });
    onTestFinished(() => denied.close());
    await expect(denied.check()).rejects.toThrow('status 403 to PUT: SignatureDoesNotMatch: the secret key does not');
    await expect(store.open('picture', '../x')).rejects.toThrow(RangeError);
    expect(() => openMediaStore('s3://none', { sources: wrong })).toThrow('MEDIA_URL: SOURCES_FILE has no source none');
    expect(() => openConfiguredStore({ MEDIA_URL: 's3://constructor', SOURCES_FILE: file }, {})).toThrow(
      'no source constructor',
    );
    expect(() => openConfiguredStore({ MEDIA_URL: 's3://other', SOURCES_FILE: file }, {})).toThrow(
      'cannot read missing',
    );
    expect(openConfiguredStore({}, {})).toBeUndefined();
  });
});

function sourceOf(origin: string): S3Source {
  const folder = mkdtempSync(join(tmpdir(), 'media-s3-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const settings = {
    kind: 's3',
    region: 'us-east-1',
    bucket: 'media',
    path_style: true,
    endpoint: origin,
    credentials: 'none',
  };
  writeFileSync(join(folder, 'sources.json'), JSON.stringify({ sources: { archive: settings } }));
  const source = readSources(join(folder, 'sources.json')).byName.get('archive');
  if (source?.kind !== 's3') throw new Error('not a bucket');
  return source;
}

/** Returns the store on a server that handles all requests with `handle`. */
async function openScripted(handle: http.RequestListener, timeoutMs = 30_000): Promise<MediaStore> {
  const server = await startScriptedS3Server(handle);
  onTestFinished(server.close);
  const store = openS3Store(sourceOf(server.origin), { prefix: '', timeoutMs });
  onTestFinished(() => store.close());
  return store;
}

const SHA256 = sha256Of(Buffer.from('x'));
const errorBody = (code: string) => `<?xml version="1.0"?><Error><Code>${code}</Code><Message>secret</Message></Error>`;

describe('a server that fails', () => {
  it('never responds', async () => {
    const store = await openScripted(() => {}, 300);
    await expect(store.size('picture', SHA256)).rejects.toThrow('UND_ERR_HEADERS_TIMEOUT');
    await expect(store.put('picture', Buffer.from('x'), SHA256)).rejects.toThrow('UND_ERR_HEADERS_TIMEOUT');
  });

  it('stops in the middle of a file', async () => {
    const store = await openScripted((_request, response) => {
      response.writeHead(200, { 'content-length': 1000 }).write('x');
    }, 300);
    const file = await store.open('picture', SHA256);
    await expect(file && buffer(file.stream)).rejects.toMatchObject({ code: 'UND_ERR_BODY_TIMEOUT' });
  });

  it('closes the connection in the middle of a file', async () => {
    const store = await openScripted((_request, response) => {
      response.writeHead(200, { 'content-length': 1000 }).write('x', () => response.destroy());
    });
    const file = await store.open('picture', SHA256);
    await expect(file && buffer(file.stream)).rejects.toThrow();
  });

  it.each<[string, number, Record<string, string | number>, string]>([
    ['the whole file', 200, { 'content-length': 3 }, 'status 200'],
    ['another range', 206, { 'content-length': 1, 'content-range': 'bytes 0-0/3' }, 'another part'],
    ['a shorter range', 206, { 'content-length': 1, 'content-range': 'bytes 1-1/3' }, 'another part'],
    ['another length', 206, { 'content-length': 1, 'content-range': 'bytes 1-2/3' }, 'another part'],
    ['no length', 206, { 'content-range': 'bytes 1-2/3' }, 'another part'],
    ['an unknown size', 206, { 'content-length': 2, 'content-range': 'bytes 1-2/*' }, 'another part'],
  ])('sends %s instead of a range', async (_what, status, headers, message) => {
    const store = await openScripted((_request, response) => {
      response.writeHead(status, headers).end('x'.repeat(Number(headers['content-length'] ?? 2)));
    });
    await expect(store.open('picture', SHA256, { start: 1, end: 3 })).rejects.toThrow(message);
  });

  it.each([
    [500, 'InternalError', 'S3 responded with status 500 to PUT: InternalError'],
    [503, 'SlowDown', 'status 503 to PUT: SlowDown'],
    [403, 'AccessDenied', 'AccessDenied: the credentials need s3:GetObject'],
    [301, 'PermanentRedirect', 'status 301 to PUT'],
    [404, 'NoSuchKey', 'status 404'],
  ])('responds with %i %s', async (status, code, message) => {
    const store = await openScripted((_request, response) => {
      response.writeHead(status, { location: 'http://127.0.0.1:1/' }).end(errorBody(code));
    });
    const error = await store.put('picture', Buffer.from('x'), SHA256).catch((error) => error);
    expect(error.message).toContain(message);
    expect(error.message).not.toContain('secret');
  });

  it('sends an endless error, and an endless list', async () => {
    const store = await openScripted((request, response) => {
      response.writeHead(request.method === 'PUT' ? 500 : 200);
      const write = () => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
      };
      response.on('drain', write);
      write();
    });
    await expect(store.put('picture', Buffer.from('x'), SHA256)).rejects.toThrow('status 500');
    await expect(allOf(store)).rejects.toThrow('more than 4194304 bytes');
  });

  it('gets the time and new credentials right with one more request', async () => {
    let requests = 0;
    const store = await openScripted((request, response) => {
      requests += 1;
      request.resume().on('end', () => {
        if (requests > 1) return void response.writeHead(200).end();
        response.writeHead(403, { date: new Date().toUTCString() }).end(errorBody('RequestTimeTooSkewed'));
      });
    });
    await store.put('picture', Buffer.from('x'), SHA256);
    expect(requests).toBe(2);
  });

  it('lists in pages, with names that are none of ours', async () => {
    const object = (key: string) =>
      `<Contents><Key>${key}</Key><LastModified>2026-11-26T12:00:00.000Z</LastModified><Size>5</Size></Contents>`;
    const tokens: (string | null)[] = [];
    const store = await openScripted((request, response) => {
      const token = new URL(request.url ?? '', 'http://host').searchParams.get('continuation-token');
      tokens.push(token);
      const key = token === null ? `a&amp;b/pictures/2d/71/${SHA256}.webp` : 'pictures/../../x';
      const more = token === null ? '<NextContinuationToken>a&amp;b=</NextContinuationToken>' : '';
      response.end(`<R><IsTruncated>${token === null}</IsTruncated>${object(key)}${object('x')}${more}</R>`);
    });
    expect(await allOf(store)).toEqual([{ sha256: SHA256, bytes: 5, modifiedAt: new Date('2026-11-26T12:00:00Z') }]);
    expect(tokens).toEqual([null, 'a&b=']);
  });
});
