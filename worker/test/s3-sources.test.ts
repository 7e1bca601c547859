import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { readSources } from '#sources/file.ts';
import { createS3Signer } from '#sources/s3-signer.ts';
import { S3_CREDENTIALS, type S3Failure, startFailingS3Server, startS3Server } from '#test/harness/s3-server.ts';
import { certificate } from '#test/harness/video-server.ts';
import { createVideoSources, objectUrl, type VideoSources } from '../video/sources.ts';
import type { Meter } from '../video/types.ts';

const AVI = readFileSync(join(import.meta.dirname, '../../nginx/videos/test_1.avi'));
const limits = { connections: 4, timeoutMs: 5_000, byteBudget: 8 * 1024 * 1024 };
const signal = new AbortController().signal;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sources-'));
  write('id', S3_CREDENTIALS.accessKeyId);
  write('secret', S3_CREDENTIALS.secretAccessKey);
  return () => rmSync(folder, { recursive: true });
});

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

function openSources(source: object, env = {}): VideoSources {
  const file = write('sources.json', JSON.stringify({ sources: { s3: source } }));
  const options = { videoServer: 'http://127.0.0.1:9', limits, attemptMs: 60_000 };
  const sources = createVideoSources({ ...options, sources: readSources(file, env) });
  onTestFinished(() => sources.close());
  return sources;
}

const inFiles = { access_key_id_file: 'id', secret_access_key_file: 'secret' };
const settingsOf = (endpoint: string) => ({
  ...{ kind: 's3', endpoint, region: 'us-east-1', bucket: 'videos', path_style: true },
  ...inFiles,
});

async function open(sources: VideoSources, video: string, meter: Meter = { bytesFetched: 0, requests: 0 }) {
  return sources.open({ video, store: 's', source: 's3' }, { signal, meter });
}

describe('signatures', () => {
  // The examples of "Authenticating Requests: Using the Authorization Header" in the documentation of S3.
  it.each([
    ['test.txt', { Range: 'bytes=0-9' }, 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41'],
    ['?lifecycle', {}, 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543'],
    ['?max-keys=2&prefix=J', {}, '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7'],
  ])('are those that AWS publishes: %s', async (path, headers, signature) => {
    const credentials = {
      accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
      secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    };
    const now = () => Date.parse('2013-05-24T00:00:00Z');
    const signer = createS3Signer({ region: 'us-east-1', credentials, readCredentials: () => credentials, now });
    const signed = await signer.sign(new URL(`https://examplebucket.s3.amazonaws.com/${path}`), headers);
    expect(signed.at(signed.indexOf('authorization') + 1)).toContain(`Signature=${signature}`);
  });
});

describe('a bucket', () => {
  it('costs one request and one window for an AVI', async () => {
    const server = await startS3Server(['videos']);
    onTestFinished(server.close);
    await server.put('videos', 'cameras/test_1.avi', AVI);
    const before = server.requests;
    const meter = { bytesFetched: 0, requests: 0 };
    const video = await open(openSources({ ...settingsOf(server.origin), prefix: 'cameras/' }), '/test_1.avi', meter);
    expect(video.size).toBe(AVI.length);
    expect(Buffer.compare(await video.read(0, 1000), AVI.subarray(0, 1000))).toBe(0);
    expect(meter).toEqual({ bytesFetched: 16_384, requests: 1 });
    expect(server.requests).toBe(before + 1);
  });

  it.each([
    ['/a b/c+d.mp4', 'a b/c+d.mp4'],
    ['/100%25/Füße.mp4', '100%/Füße.mp4'],
    ['/a%20b.mp4', 'a b.mp4'],
    ["/!'()*~,;=@&$.mp4", "!'()*~,;=@&$.mp4"],
  ])('has the key of %s', async (path, key) => {
    const server = await startS3Server(['videos']);
    onTestFinished(server.close);
    await server.put('videos', key, AVI);
    expect((await open(openSources(settingsOf(server.origin)), path)).size).toBe(AVI.length);
  });

  it('reads credentials from the environment, and rejects wrong ones', async () => {
    const server = await startS3Server(['videos']);
    onTestFinished(server.close);
    await server.put('videos', 'a.mp4', AVI);
    const { access_key_id_file: _, secret_access_key_file: __, ...settings } = settingsOf(server.origin);
    const env = { AWS_ACCESS_KEY_ID: 'S3RVER', AWS_SECRET_ACCESS_KEY: 'S3RVER' };
    const source = { ...settings, credentials: 'environment' };
    expect((await open(openSources(source, env), '/a.mp4')).size).toBe(AVI.length);
    const wrong = openSources(source, { ...env, AWS_SECRET_ACCESS_KEY: 'wrong' });
    await expect(open(wrong, '/a.mp4')).rejects.toMatchObject({
      ...{ code: 'video_forbidden', message: expect.stringContaining('SignatureDoesNotMatch') },
    });
    expect(() => openSources(source)).toThrow('AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set');
  });

  it('explains what is missing', async () => {
    const server = await startS3Server(['videos']);
    onTestFinished(server.close);
    const noKey = open(openSources(settingsOf(server.origin)), '/a.mp4');
    await expect(noKey).rejects.toMatchObject({
      code: 'video_not_found',
      message: 'NoSuchKey: the bucket videos has no object with this key',
    });
    const noBucket = open(openSources({ ...settingsOf(server.origin), bucket: 'others' }), '/a.mp4');
    await expect(noBucket).rejects.toMatchObject({
      code: 'video_not_found',
      message: 'NoSuchBucket: there is no bucket others',
    });
  });

  it('of Google Cloud Storage is signed in the same way', async () => {
    const server = await startS3Server(['videos']);
    onTestFinished(server.close);
    await server.put('videos', 'a.mp4', AVI);
    const source = {
      kind: 'gcs',
      endpoint: server.origin,
      bucket: 'videos',
      access_id_file: 'id',
      secret_file: 'secret',
    };
    expect((await open(openSources(source), '/a.mp4')).size).toBe(AVI.length);
  });

  it.each([
    ['s3', inFiles, { region: 'us-east-1', path_style: true }],
    ['gcs', { access_id_file: 'id', secret_file: 'secret' }, {}],
  ])('of %s can be on a server with its own certificate authority', async (kind, credentials, more) => {
    const server = await startS3Server(['videos'], 'https');
    onTestFinished(server.close);
    await server.put('videos', 'a.mp4', AVI);
    const source = { kind, endpoint: server.origin, bucket: 'videos', ...credentials, ...more };
    const before = server.requests;
    await expect(open(openSources(source), '/a.mp4')).rejects.toMatchObject({ code: 'video_server_unreachable' });
    expect(server.requests).toBe(before);
    const trusted = openSources({ ...source, ca_file: certificate });
    expect((await open(trusted, '/a.mp4')).size).toBe(AVI.length);
  });
});

describe('the URL of an object', () => {
  it.each([
    ['/a b+c.mp4', 'https://videos.s3.example', 'https://videos.s3.example/p/a%20b%2Bc.mp4'],
    ["/it's (1)*!.mp4", 'https://s3.example/videos', 'https://s3.example/videos/p/it%27s%20%281%29%2A%21.mp4'],
    ['/../../a.mp4', 'https://s3.example/videos', 'https://s3.example/videos/p/a.mp4'],
  ])('%s in %s', (path, url, expected) => {
    expect(objectUrl(path, { url, prefix: 'p/' }).href).toBe(expected);
  });

  it.each(['/..%2f..%2fother/a.mp4', '//other.example/a.mp4', '/%ff.mp4'])('is refused for %s', (path) => {
    expect(() => objectUrl(path, { url: 'https://s3.example/videos', prefix: '' })).toThrow('the video path');
  });

  it('has the bucket in the host name by default', () => {
    const source = { kind: 's3', region: 'eu-central-1', bucket: 'videos', credentials: 'none' };
    const file = write('virtual.json', JSON.stringify({ sources: { a: source } }));
    expect(readSources(file).byName.get('a')).toMatchObject({ url: 'https://videos.s3.eu-central-1.amazonaws.com' });
  });
});

const errorBody = (code: string) =>
  `<?xml version="1.0"?>\n<Error><Code>${code}</Code><Message>secret</Message></Error>`;

describe('a failing server', () => {
  const failing = async (failureOf: Parameters<typeof startFailingS3Server>[1]) => {
    const server = await startFailingS3Server(AVI, failureOf);
    onTestFinished(server.close);
    return server;
  };

  it.each<[string, number, string, RegExp]>([
    ['AccessDenied', 403, 'video_forbidden', /may not read this object/],
    ['NoSuchKey', 404, 'video_not_found', /has no object/],
    ['NoSuchBucket', 404, 'video_not_found', /no bucket videos/],
    ['InvalidObjectState', 403, 'video_forbidden', /archived/],
    ['SlowDown', 503, 'video_server_error', /fewer requests/],
    ['InternalError', 500, 'video_server_error', /status 500 \(InternalError\)/],
    ['PermanentRedirect', 301, 'video_forbidden', /region or endpoint/],
    ['AuthorizationHeaderMalformed', 400, 'video_forbidden', /region/],
  ])('with %s', async (code, status, failure, message) => {
    const server = await failing(() => ({ status, body: errorBody(code), headers: { 'retry-after': '7' } }));
    const error = await open(openSources(settingsOf(server.origin)), '/a.mp4').catch((error) => error);
    expect(error).toMatchObject({ code: failure, message: expect.stringMatching(message) });
    expect(error.message).not.toContain('secret');
    expect(server.requests).toBe(1);
    if (status >= 500) expect(error.retryAfterMs).toBe(7_000);
  });

  it('with a long body that is not XML', async () => {
    const server = await failing(() => ({ status: 403, body: 'x'.repeat(1_000_000) }));
    const meter = { bytesFetched: 0, requests: 0 };
    await expect(open(openSources(settingsOf(server.origin)), '/a.mp4', meter)).rejects.toMatchObject({
      ...{ code: 'video_forbidden', message: 'the video server responded with status 403' },
    });
    expect(meter.bytesFetched).toBeLessThan(200_000);
  });

  it('whose clock differs gets one more request, with its time', async () => {
    const serverNow = () => new Date(Date.now() + 3 * 3_600_000);
    const server = await failing(({ 'x-amz-date': date }): S3Failure | undefined => {
      const sent = `${date}`.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
      if (Math.abs(Date.parse(sent) - serverNow().getTime()) < 900_000) return undefined;
      return { status: 403, body: errorBody('RequestTimeTooSkewed'), headers: { date: serverNow().toUTCString() } };
    });
    const sources = openSources(settingsOf(server.origin));
    expect((await open(sources, '/a.mp4')).size).toBe(AVI.length);
    expect(server.requests).toBe(2);
    await open(sources, '/a.mp4');
    expect(server.requests).toBe(3);
  });

  it('with an expired token gets one more request if the files have another one', async () => {
    write('token', 'old');
    const server = await failing(({ 'x-amz-security-token': token }) =>
      token === 'new' ? undefined : { status: 400, body: errorBody('ExpiredToken') },
    );
    const sources = openSources({ ...settingsOf(server.origin), session_token_file: 'token' });
    await expect(open(sources, '/a.mp4')).rejects.toMatchObject({
      ...{ code: 'video_server_error', permanent: false, message: 'ExpiredToken: the credentials have expired' },
    });
    expect(server.requests).toBe(1);
    rmSync(join(folder, 'secret'));
    write('token', 'new');
    await expect(open(sources, '/a.mp4')).rejects.toMatchObject({ code: 'video_server_error' });
    write('secret', S3_CREDENTIALS.secretAccessKey);
    expect((await open(sources, '/a.mp4')).size).toBe(AVI.length);
    expect(server.requests).toBe(4);
  });

  it('gets no signature with credentials: none', async () => {
    const seen: unknown[] = [];
    const server = await failing(({ authorization, range }) => void seen.push([authorization, range]));
    const { access_key_id_file: _, secret_access_key_file: __, ...settings } = settingsOf(server.origin);
    await open(openSources({ ...settings, credentials: 'none' }), '/a.mp4');
    expect(seen).toEqual([[undefined, 'bytes=0-16383']]);
  });
});
