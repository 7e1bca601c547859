import { once } from 'node:events';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { type Process, startProcess } from '#test/harness/process.ts';
import { startFileServer } from '../file-server.ts';

const SAMPLES = fileURLToPath(new URL('../../nginx/videos', import.meta.url));

/** Starts the file server. With a `readyLine` it has no IPC channel, as when it is started in a terminal. */
function start(env: Record<string, string>, readyLine?: RegExp): Process {
  const server = startProcess({ name: 'file server', entry: 'local/file-server.ts', env, readyLine });
  onTestFinished(async () => void (await server.kill()));
  return server;
}

/** Returns a folder with a video longer than the buffers between two sockets: its download lasts until it is read. */
async function createLongVideo(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'file-server-entry-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'long.mp4'), '');
  await truncate(join(folder, 'long.mp4'), 64 * 1024 * 1024);
  return folder;
}

it('prints one line when it is ready, and serves', async () => {
  const server = start({ VIDEO_PORT: '0' }, /./);
  await server.ready;
  const url = /^Videos on (http:\/\/127\.0\.0\.1:\d+\/videos\/)$/.exec(server.lines[0] ?? '')?.[1];
  expect((await fetch(`${url}test_1.avi`)).status).toBe(200);
  expect(await server.stop()).toBe('0');
  expect(server.lines).toHaveLength(1);
});

// Without the limit of `close`, the download would last until its idle timeout of 60 s, longer than this test may take.
it.each(['SIGTERM', 'SIGINT', 'disconnect'] as const)('ends by %s during a download', async (how) => {
  const server = start({ VIDEO_PORT: '0', VIDEOS_DIR: await createLongVideo() });
  const message = await server.ready;
  expect(message).toEqual({ ready: true, url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) });
  const [download] = await once(get(`${Object(message).url}/videos/long.mp4`), 'response');
  download.on('error', () => {}); // the server closes the connection: that is the case under test
  if (how === 'disconnect') server.child.disconnect();
  else server.child.kill(how);
  expect(await server.ended).toBe('0');
});

it('reports every configuration error at once', async () => {
  const server = start({ VIDEO_PORT: '1e3', ALLOWED_HOSTS: 'a b', VIDEOS_DIR_FILE: '/nowhere' });
  expect(await server.ended).toBe('1');
  const [title, ...errors] = server.lines;
  expect(title).toBe('Invalid configuration:');
  expect(errors.map((line) => line.trim().split(':')[0]).toSorted()).toEqual([
    'ALLOWED_HOSTS',
    'VIDEOS_DIR_FILE',
    'VIDEO_PORT',
  ]);
});

it('reads a value from the file that NAME_FILE names; an empty value counts as unset', async () => {
  const folder = await createLongVideo();
  await writeFile(join(folder, 'setting'), `${folder}\n`);
  const server = start({ VIDEO_PORT: '0', HOST: '', VIDEOS_DIR_FILE: join(folder, 'setting') }, /./);
  await server.ready;
  const url = server.lines[0]?.split(' ').at(-1);
  expect((await fetch(`${url}long.mp4`, { method: 'HEAD' })).status).toBe(200);
});

it('ends with one sentence if its port is in use', async () => {
  const other = await startFileServer({ root: SAMPLES, host: '127.0.0.1', port: 0 });
  onTestFinished(other.close);
  const port = new URL(other.url).port;
  const server = start({ VIDEO_PORT: port });
  expect(await server.ended).toBe('1');
  expect(server.lines).toEqual([
    `The file server cannot listen on 127.0.0.1:${port} (VIDEO_PORT): another program uses this port`,
  ]);
});
