import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { S3_CREDENTIALS, startS3Server } from '#test/harness/s3-server.ts';
import { certificate } from '#test/harness/video-server.ts';
import { type MediaStore, openConfiguredStore, openMediaStore } from '../store.ts';
import { allOf, sha256Of, sourceOf } from './s3-fixture.ts';

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
    const begin = sha256Of(copy).slice(0, 2);
    expect(await allOf(store, 'copy', begin)).toHaveLength(1);
    expect(await allOf(store, 'copy', begin === '00' ? '01' : '00')).toEqual([]);
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
