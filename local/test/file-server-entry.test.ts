import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { startFileServer } from '../file-server.ts';

const ENTRY = fileURLToPath(new URL('../file-server.ts', import.meta.url));
const SAMPLES = fileURLToPath(new URL('../../nginx/videos', import.meta.url));

function run(env: Record<string, string>, channel: 'ipc' | 'ignore' = 'ignore'): ChildProcess {
  const child = spawn(process.execPath, [ENTRY], { env, stdio: ['ignore', 'pipe', 'pipe', channel] });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

/** What it wrote to stderr until its end. */
async function lastWords(child: ChildProcess): Promise<string> {
  if (!child.stderr) throw new Error('no stderr');
  const [words] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  return words;
}

/** A folder with a video too long for the buffers between two sockets: its download lasts until it is read. */
async function longVideo(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'video-window-entry-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'long.mp4'), '');
  await truncate(join(folder, 'long.mp4'), 64 * 1024 * 1024);
  return folder;
}

/** Exit code or signal, and how long it took from now. */
async function end(child: ChildProcess) {
  const started = performance.now();
  const [code, signal] = await once(child, 'exit');
  return { code, signal, ms: performance.now() - started };
}

it('says one line when it is ready, and serves', async () => {
  const child = run({ VIDEO_PORT: '0' });
  if (!child.stdout) throw new Error('no stdout');
  const output = text(child.stdout);
  const [line] = await once(child.stdout, 'data');
  const url = /^videos on (http:\/\/127\.0\.0\.1:\d+\/videos\/)\n$/.exec(String(line))?.[1];
  expect((await fetch(`${url}test_1.avi`)).status).toBe(200);
  child.kill('SIGTERM');
  await end(child);
  expect(await output).toBe(String(line));
});

it.each(['SIGTERM', 'SIGINT', 'disconnect'] as const)(
  'ends by %s within a second in the middle of a download',
  async (sign) => {
    const child = run({ VIDEO_PORT: '0', VIDEOS_DIR: await longVideo() }, 'ipc');
    const [message] = await once(child, 'message');
    expect(message).toEqual({ ready: true, url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) });
    const [download] = await once(get(`${message.url}/videos/long.mp4`), 'response');
    download.on('error', () => {}); // The window closes under it: that is the case under test.
    if (sign === 'disconnect') child.disconnect();
    else child.kill(sign);
    const { code, ms } = await end(child);
    expect(code).toBe(0);
    expect(ms).toBeLessThan(1_000);
  },
);

it('tells every fault of its environment at once', async () => {
  const child = run({ VIDEO_PORT: '1e3', HOST: '', VIDEOS_DIR: '' });
  const fault = await lastWords(child);
  expect(child.exitCode).toBe(1);
  for (const name of ['HOST', 'VIDEO_PORT', 'VIDEOS_DIR']) expect(fault).toContain(`at ${name}`);
});

it('ends with one sentence when its port is taken', async () => {
  const other = await startFileServer({ root: SAMPLES, host: '127.0.0.1', port: 0 });
  onTestFinished(other.close);
  const port = new URL(other.url).port;
  const child = run({ VIDEO_PORT: port }, 'ipc');
  const fault = await lastWords(child);
  expect(child.exitCode).toBe(1);
  expect(fault).toBe(
    `the video window cannot listen on 127.0.0.1:${port} (VIDEO_PORT): another program has this port\n`,
  );
});
