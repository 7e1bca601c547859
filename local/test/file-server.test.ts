import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, realpath, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { type IncomingHttpHeaders, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startFileServer } from '../file-server.ts';

const SAMPLES = fileURLToPath(new URL('../../nginx/videos', import.meta.url));
const DIGITS = '0123456789';

let home: string;
let server: { url: string; close(): Promise<void> };

/** A folder of videos next to a secret that must not be served. */
beforeAll(async () => {
  home = await realpath(await mkdtemp(join(tmpdir(), 'file-server-')));
  const root = join(home, 'videos');
  await mkdir(join(root, 'folder.mp4'), { recursive: true });
  await mkdir(join(root, '.hidden'));
  await writeFile(join(home, 'secret.mp4'), 'secret');
  for (const name of [
    'a.mp4',
    'B.MP4',
    'a b.mp4',
    '.dot.mp4',
    '.hidden/a.mp4',
    'folder.mp4/in.mp4',
    'notes.txt',
    'bare',
  ]) {
    await writeFile(join(root, name), DIGITS);
  }
  await writeFile(join(root, 'empty.mp4'), '');
  await symlink(join(home, 'secret.mp4'), join(root, 'link.mp4'));
  await symlink(home, join(root, 'outside'));
  await symlink('a.mp4', join(root, 'inside.mp4'));
  server = await startFileServer({ root, host: '127.0.0.1', port: 0 });
});

afterAll(async () => {
  await server.close();
  await rm(home, { recursive: true });
});

interface Received {
  status: number | undefined;
  headers: IncomingHttpHeaders;
  body: string;
}

/** Sends the path as it is written; fetch would normalize it. */
async function send(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Received> {
  const sent = request(server.url, { path, method, headers }).end();
  const [response] = await once(sent, 'response');
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
}

describe('a whole video', () => {
  it.each([
    ['test_1.avi', 'video/x-msvideo'],
    ['test_2.mp4', 'video/mp4'],
    ['test_3.mov', 'video/quicktime'],
    ['test_4.mkv', 'video/x-matroska'],
    ['test_5.webm', 'video/webm'],
  ])('%s is served byte for byte as %s', async (name, type) => {
    const samples = await startFileServer({ root: SAMPLES, host: '127.0.0.1', port: 0 });
    onTestFinished(samples.close);
    const response = await fetch(`${samples.url}/videos/${name}`, { headers: { 'accept-encoding': 'gzip, br' } });
    expect(response.status).toBe(200);
    expect(Buffer.from(await response.arrayBuffer()).equals(await readFile(join(SAMPLES, name)))).toBe(true);
    expect(Object.fromEntries(response.headers)).toMatchObject({ 'content-type': type, 'accept-ranges': 'bytes' });
    expect(response.headers.has('content-encoding')).toBe(false);
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  });

  it('is served with an extension in capitals, an encoded name or prefix, and a query', async () => {
    for (const path of ['/videos/B.MP4', '/videos/a%20b.mp4', '/videos/a.mp4?t=1', '/%76ideos/%61.mp4']) {
      expect(await send(path)).toMatchObject({ status: 200, body: DIGITS });
    }
  });

  it('has its size and type in the response to HEAD, without a body', async () => {
    const { status, headers, body } = await send('/videos/a.mp4', {}, 'HEAD');
    expect({ status, body }).toEqual({ status: 200, body: '' });
    expect(headers).toMatchObject({ 'content-length': '10', 'content-type': 'video/mp4' });
  });

  it.each(['/videos/a.mp4', '/videos/none.mp4'])('%s can be read by pages of this machine only', async (path) => {
    for (const origin of ['http://127.0.0.1:8000', 'http://localhost:9000', 'http://[::1]:1']) {
      const { headers } = await send(path, { origin });
      expect(headers).toMatchObject({ 'access-control-allow-origin': origin, vary: 'Origin' });
    }
    for (const origin of ['https://evil.example', 'http://127.0.0.1.evil.example', 'http://localhost:1.evil.example']) {
      expect((await send(path, { origin })).headers).not.toHaveProperty('access-control-allow-origin');
    }
  });

  it('may be empty', async () => {
    expect(await send('/videos/empty.mp4')).toMatchObject({ status: 200, body: '' });
  });
});

describe('a range', () => {
  it.each([
    ['bytes=0-3', '0123', 'bytes 0-3/10'],
    ['bytes=4-', '456789', 'bytes 4-9/10'],
    ['bytes=-2', '89', 'bytes 8-9/10'],
    ['bytes=8-99', '89', 'bytes 8-9/10'],
  ])('%s is %s', async (range, body, contentRange) => {
    const response = await send('/videos/a.mp4', { range });
    expect(response).toMatchObject({ status: 206, body });
    expect(response.headers).toMatchObject({ 'content-range': contentRange, 'content-length': String(body.length) });
  });

  it('after the end is rejected with the real size', async () => {
    const { status, headers } = await send('/videos/a.mp4', { range: 'bytes=10-' });
    expect({ status, range: headers['content-range'] }).toEqual({ status: 416, range: 'bytes */10' });
    expect(headers).not.toHaveProperty('etag');
  });

  it('of several parts, or one that is invalid, gets the whole video', async () => {
    for (const range of ['bytes=0-1,4-5', 'bytes=x-y', 'lines=0-1']) {
      expect(await send('/videos/a.mp4', { range })).toMatchObject({ status: 200, body: DIGITS });
    }
  });
});

describe('a video that may have changed', () => {
  it('has a strong tag made of its time and size, as in nginx, which changes with the file', async () => {
    const file = join(home, 'videos', 'changing.mp4');
    await writeFile(file, DIGITS);
    await utimes(file, 1_748_871_320, 1_748_871_320);
    const before = await send('/videos/changing.mp4');
    expect(before.headers).toMatchObject({ etag: '"683da898-a"', 'last-modified': 'Mon, 02 Jun 2025 13:35:20 GMT' });
    await writeFile(file, `${DIGITS}!`);
    expect((await send('/videos/changing.mp4')).headers.etag).not.toBe(before.headers.etag);
  });

  it('is not sent again to a client that has it', async () => {
    const { headers } = await send('/videos/a.mp4');
    const known = [
      { 'if-none-match': String(headers.etag) },
      { 'if-modified-since': String(headers['last-modified']) },
    ];
    for (const condition of known)
      expect(await send('/videos/a.mp4', condition)).toMatchObject({ status: 304, body: '' });
  });

  it('sends a range only of the version in If-Range, otherwise the whole', async () => {
    const etag = String((await send('/videos/a.mp4')).headers.etag);
    expect(await send('/videos/a.mp4', { range: 'bytes=0-3', 'if-range': etag })).toMatchObject({ status: 206 });
    expect(await send('/videos/a.mp4', { range: 'bytes=0-3', 'if-range': '"other"' })).toMatchObject({ status: 200 });
  });

  it('is rejected for an If-Match of another version', async () => {
    expect(await send('/videos/a.mp4', { 'if-match': '"other"' })).toMatchObject({ status: 412 });
  });
});

describe('what is not served', () => {
  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])('%s gets the allowed methods', async (method) => {
    const { status, headers } = await send('/videos/a.mp4', {}, method);
    expect({ status, allow: headers.allow }).toEqual({ status: 405, allow: 'GET, HEAD' });
  });

  it.each([
    ['a missing file', '/videos/none.mp4'],
    ['another extension', '/videos/notes.txt'],
    ['no extension', '/videos/bare'],
    ['the list of videos', '/videos/'],
    ['the list without its slash', '/videos'],
    ['a folder named like a video', '/videos/folder.mp4'],
    ['the list of such a folder', '/videos/folder.mp4/'],
    ['a file with a slash after it', '/videos/a.mp4/'],
    ['a video under another prefix', '/a.mp4'],
    ['a prefix that only starts the same', '/videosa.mp4'],
    ['a dotfile', '/videos/.dot.mp4'],
    ['a folder with a dot', '/videos/.hidden/a.mp4'],
    ['a link to a file outside', '/videos/link.mp4'],
    ['a link to a folder outside', '/videos/outside/secret.mp4'],
    ['a link that stays inside', '/videos/inside.mp4'],
    ['a link, by an encoded prefix', '/%76ideos/link.mp4'],
    ['a link to a folder, by an encoded prefix', '/%76ideos/outside/secret.mp4'],
    ['a link to a folder, encoded', '/videos/%6futside/secret.mp4'],
    ['a step up', '/videos/../secret.mp4'],
    ['a step up and back in', '/videos/../videos/a.mp4'],
    ['an encoded step up', '/videos/%2e%2e/secret.mp4'],
    ['an encoded slash', '/videos/..%2fsecret.mp4'],
    ['an absolute path', '/videos//etc/../secret.mp4'],
    ['an encoding of an encoding', '/videos/%252e%252e/secret.mp4'],
  ])('%s is not found', async (_what, path) => {
    const { status, body, headers } = await send(path);
    expect({ status, body }).toEqual({ status: 404, body: '404\n' });
    expect(headers['x-content-type-options']).toBe('nosniff');
  });

  it.each(['attacker.example', 'localhost.attacker.example', 'nas', '127.0.0.1.attacker.example'])(
    'a request to the host %j is misdirected: a foreign page can use its own name for this host',
    async (host) => {
      expect(await send('/videos/a.mp4', { host })).toMatchObject({ status: 421 });
    },
  );

  it('but a request to localhost, an IP address or a name that is allowed is served', async () => {
    const own = await startFileServer({
      root: join(home, 'videos'),
      host: '127.0.0.1',
      port: 0,
      allowedHosts: ['nas', 'videos.example.org'],
    });
    onTestFinished(own.close);
    for (const host of [
      'localhost',
      'a.localhost:8080',
      '127.0.0.1:8080',
      '[::1]:8080',
      'NAS:8080',
      'videos.example.org',
    ]) {
      const [response] = await once(request(`${own.url}/videos/a.mp4`, { headers: { host } }).end(), 'response');
      expect([host, response.resume().statusCode]).toEqual([host, 200]);
    }
  });

  it.each(['/videos/%00.mp4', '/videos/a%.mp4', '/videos/%ff.mp4'])('%s is an invalid path', async (path) => {
    expect(await send(path)).toMatchObject({ status: 400 });
  });
});

describe('a server that cannot start', () => {
  it('names the port in use and the setting that changes it', async () => {
    const port = Number(new URL(server.url).port);
    await expect(startFileServer({ root: SAMPLES, host: '127.0.0.1', port })).rejects.toThrow(
      `The file server cannot listen on 127.0.0.1:${port} (VIDEO_PORT): another program uses this port`,
    );
  });

  it('names the missing folder and the setting that changes it', async () => {
    const root = join(home, 'secret.mp4');
    expect((await stat(root)).isFile()).toBe(true);
    await expect(startFileServer({ root, host: '127.0.0.1', port: 0 })).rejects.toThrow(
      `There is no folder of videos at ${root} (VIDEOS_DIR)`,
    );
  });
});
