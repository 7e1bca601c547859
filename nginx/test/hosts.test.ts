import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type PublicEndpoint, startPublicEndpoint } from '#test/harness/nginx.ts';

// What nginx/start.sh configures, and which names and paths the video server accepts.

const started = await startPublicEndpoint({
  env: { ALLOWED_HOSTS: 'videos.example.org,nas', TRUSTED_PROXIES: '127.0.0.3,10.0.0.0/8' },
});

describe.skipIf('missing' in started)('nginx', () => {
  let nginx: PublicEndpoint;
  beforeAll(async () => {
    if ('missing' in started) return;
    nginx = started;
    const videos = join(nginx.folder, 'srv/videos');
    await mkdir(join(videos, 'folder'));
    await writeFile(join(nginx.folder, 'secret.mp4'), 'secret');
    await writeFile(join(videos, 'folder/a.mp4'), 'video');
    await symlink(join(nginx.folder, 'secret.mp4'), join(videos, 'link.mp4'));
    await symlink('folder/a.mp4', join(videos, 'inside.mp4'));
    await symlink(nginx.folder, join(videos, 'os'));
  });
  beforeEach(() => void nginx.requests.splice(0));
  afterAll(() => nginx.close());

  const get = async (path: string, host: string | undefined, version = '1.1') => {
    const socket = connect(nginx.ports.videos, '127.0.0.1');
    const hostLine = host === undefined ? '' : `Host: ${host}\r\n`;
    socket.end(`GET ${path} HTTP/${version}\r\n${hostLine}Connection: close\r\n\r\n`);
    return (await text(socket)).slice(9, 12);
  };

  it.each([
    'localhost',
    'LOCALHOST:8080',
    'a.localhost',
    '127.0.0.1:8080',
    '[::1]:8080',
    'nginx:8080',
    'NAS',
    'videos.example.org:80',
  ])('serves videos to the host %s', async (host) => {
    expect(await get('/videos/folder/a.mp4', host)).toBe('200');
  });

  it.each(['attacker.example', 'localhost.attacker.example', 'nas.attacker.example', '127.0.0.1.attacker.example'])(
    'rejects the host %s of a page that resolves its own name to this host',
    async (host) => {
      expect(await get('/videos/folder/a.mp4', host)).toBe('421');
    },
  );

  it('serves clients of HTTP/1.0, which are no browsers, without Host', async () => {
    expect(await get('/videos/folder/a.mp4', undefined, '1.0')).toBe('200');
  });

  it.each([
    '/videos/link.mp4',
    '/%76ideos/link.mp4',
    '/videos/inside.mp4',
    '/videos/os/secret.mp4',
    '/%76ideos/os/secret.mp4',
  ])('follows no symbolic link: %s', async (path) => {
    expect(await get(path, 'localhost')).toBe('404');
    expect(await get('/%76ideos/folder/a.mp4', 'localhost')).toBe('200');
  });

  const forwarded = async (localAddress: string) => {
    const socket = connect({ port: nginx.ports.api, host: '127.0.0.1', localAddress });
    // Not `end`: nginx would take a half-closed connection for a client that disconnected.
    socket.write(
      'GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n\r\n',
    );
    await text(socket);
    return nginx.requests.at(-1)?.headers;
  };

  it('uses the address and scheme that a trusted reverse proxy sends', async () => {
    const headers = await forwarded('127.0.0.3');
    expect(headers?.['x-forwarded-for']?.toString().split(', ').at(-1)).toBe('203.0.113.9');
    expect(headers).toMatchObject({ 'x-forwarded-proto': 'https' });
  });

  it('ignores them from any other address', async () => {
    const headers = await forwarded('127.0.0.2');
    expect(headers?.['x-forwarded-for']?.toString().split(', ').at(-1)).toBe('127.0.0.2');
    expect(headers).toMatchObject({ 'x-forwarded-proto': 'http' });
  });

  it('does not start with a setting that is no name', async () => {
    await expect(startPublicEndpoint({ env: { ALLOWED_HOSTS: 'a;b' } })).rejects.toThrow('ALLOWED_HOSTS: a;b');
  });
});
