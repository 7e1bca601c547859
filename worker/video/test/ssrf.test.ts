import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Canary, openCanary } from '#test/harness/canary.ts';
import { certificate } from '#test/harness/video-server.ts';
import { RedirectRefused, VideoError } from '../../errors.ts';
import { runFfprobe } from '../ffprobe/run.ts';
import { createPinnedConnector } from '../http/pinned-connector.ts';
import { probe } from '../probe.ts';
import { withDataReference } from './altered-videos.ts';
import { scripts, signatures } from './hostile-scripts.ts';
import { failureOf, fixture, openTestVideos } from './test-videos.ts';

const signal = new AbortController().signal;
let canary: Canary;
let folder: string;
let connectionsBefore: number;

beforeAll(async () => {
  canary = await openCanary();
  folder = await mkdtemp(join(tmpdir(), 'ssrf-test-'));
});

// No test in this file may connect to the canary.
beforeEach(() => {
  connectionsBefore = canary.connections;
});
afterEach(() => expect(canary.connections).toBe(connectionsBefore));

afterAll(async () => {
  await canary[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

describe('a redirect', () => {
  /** EVIL stands for the canary's port, OWN for the video server's. */
  const refused = [
    'http://127.0.0.1:EVIL/x.mp4',
    '//127.0.0.1:EVIL/x.mp4',
    '///127.0.0.1:EVIL/x.mp4',
    '////127.0.0.1:EVIL/x.mp4',
    '/\\127.0.0.1:EVIL/x.mp4',
    '\\\\127.0.0.1:EVIL/x.mp4',
    '\\/127.0.0.1:EVIL/x.mp4',
    'http:\\\\127.0.0.1:EVIL/x.mp4',
    'HtTp://127.0.0.1:EVIL/x.mp4',
    'ht\ttp://127.0.0.1:EVIL/x.mp4',
    'http://127.0.0.1:OWN@127.0.0.1:EVIL/x.mp4',
    'http://127.0.0.1:OWN%40127.0.0.1:EVIL/x.mp4',
    'http://user:word@127.0.0.1:EVIL/x.mp4',
    'http://127.0.0.1:EVIL\\@127.0.0.1:OWN/x.mp4',
    'http://127.0.0.1:EVIL#@127.0.0.1:OWN/x.mp4',
    'http://localhost:EVIL/x.mp4',
    'http://localhost:OWN/x.mp4',
    'http://127.0.0.2:OWN/x.mp4',
    'http://0.0.0.0:EVIL/x.mp4',
    'http://2130706433:EVIL/x.mp4',
    'http://017700000001:EVIL/x.mp4',
    'http://0177.0.0.1:EVIL/x.mp4',
    'http://0x7f000001:EVIL/x.mp4',
    'http://0x7f.1:EVIL/x.mp4',
    'http://127.1:EVIL/x.mp4',
    'http://[::1]:EVIL/x.mp4',
    'http://[::ffff:127.0.0.1]:EVIL/x.mp4',
    'http://[::ffff:7f00:1]:OWN/x.mp4',
    'http://[0:0:0:0:0:0:0:1]:OWN/x.mp4',
    'https://127.0.0.1:OWN/x.mp4',
    'https://127.0.0.1:EVIL/x.mp4',
    'ws://127.0.0.1:OWN/x.mp4',
    'ftp://127.0.0.1:EVIL/x.mp4',
    'file:///etc/passwd',
    'data:video/mp4;base64,AAAA',
    'blob:http://127.0.0.1:OWN/x.mp4',
    'javascript:x.mp4',
    'unix:/var/run/docker.sock:/x.mp4',
    'http://[::1',
    'http://127.0.0.1:99999/x.mp4',
  ];
  /** Unusual, but on the video server, which has no such file. */
  const followed = [
    'http://2130706433:OWN/x.mp4',
    'http://user:word@127.0.0.1:OWN/x.mp4',
    'http://127.0.0.1.:OWN/x.mp4',
    '@127.0.0.1:EVIL/x.mp4',
    '/%2f%2f127.0.0.1:EVIL/x.mp4',
    '/%5c%5c127.0.0.1:EVIL/x.mp4',
    '.127.0.0.1:EVIL/x.mp4',
    'x.mp4?@127.0.0.1:EVIL',
  ];

  it.each([
    ...refused.map((to) => [to, 'redirect_refused', 1] as const),
    ...followed.map((to) => [to, 'video_not_found', 2] as const),
  ])('to %j: %s, %i requests', async (to, code, requests) => {
    await using videos = await openTestVideos();
    const target = to.replaceAll('EVIL', `${canary.port}`).replaceAll('OWN', new URL(videos.server.origin).port);
    const url = videos.server.url('h264.mp4', 'redirect-to');
    url.searchParams.set('to', target);
    const error = await failureOf(videos.reader.open(url, { signal, meter: videos.meter }));
    expect(error instanceof VideoError ? error.code : error).toBe(code);
    expect(videos.meter.requests).toBe(requests);
    expect(videos.server.requests.map(({ authorized }) => authorized)).not.toContain(true);
  });
});

describe('the HTTP client', () => {
  const origin = { protocol: 'http:', hostname: '127.0.0.1', port: '8080' };

  it.each([
    ['another port', () => ({ port: `${canary.port}` })],
    ['another name of the same host', () => ({ hostname: 'localhost' })],
    ['another address of the same host', () => ({ hostname: '127.0.0.2' })],
    ['another scheme', () => ({ protocol: 'https:' })],
    ['a Unix socket', () => ({ socketPath: join(folder, 'socket') })],
  ])('does not connect to %s', async (_, target) => {
    const { connect } = createPinnedConnector(new URL('http://127.0.0.1:8080'), 1000);
    const error = await new Promise((resolve) =>
      connect({ ...origin, ...target() }, (...[failure]) => resolve(failure)),
    );
    expect(error).toBeInstanceOf(RedirectRefused);
  });

  it('connects to its origin', async () => {
    await using videos = await openTestVideos();
    const { protocol, hostname, port } = new URL(videos.server.origin);
    const { connect } = createPinnedConnector(new URL(videos.server.origin), 1000);
    const socket = await new Promise<Socket>((resolve, reject) =>
      connect({ protocol, hostname, port }, (error, connected) => (error ? reject(error) : resolve(connected))),
    );
    expect(videos.server.connections).toBe(1);
    socket.destroy();
  });

  it.each(['http', 'https'] as const)('ignores proxies from the environment, over %s', async (protocol) => {
    await using videos = await openTestVideos({ protocol });
    const proxy = `http://127.0.0.1:${canary.port}`;
    const script = `
      import { createVideoReader } from ${JSON.stringify(import.meta.resolve('../http/range-reader.ts'))};
      const [origin, url] = process.argv.slice(1);
      const reader = createVideoReader({ origin, connections: 1, byteBudget: 1e6, timeoutMs: 30_000 });
      console.log((await reader.open(new URL(url), { signal: new AbortController().signal })).size);
      reader.close();`;
    const url = videos.server.url('h264.mp4').href;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '-e', script, videos.server.origin, url],
      {
        env: {
          NODE_USE_ENV_PROXY: '1',
          NODE_EXTRA_CA_CERTS: certificate,
          ...Object.fromEntries(
            ['http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY'].map((name) => [name, proxy]),
          ),
        },
      },
    );
    expect(stdout).toBe(`${fixture('h264.mp4').length}\n`);
  });
});

describe('a script with the name of a video', () => {
  const written = (text: string) => text.replaceAll('EVIL', `127.0.0.1:${canary.port}`).replaceAll('FOLDER', folder);

  // A valid video: if anything opened it, the probe would succeed.
  beforeAll(() => copyFile(join(import.meta.dirname, 'fixtures/h264.mp4'), join(folder, 'bait.mp4')));

  it.each(scripts)('%s: is unreadable to the probe', async (_, text) => {
    for (const signature of ['', ...signatures]) {
      await using videos = await openTestVideos({
        files: { 'video.mp4': Buffer.from(signature + written(text), 'latin1') },
      });
      const options = { timeoutMs: 30_000, signal, temporaryFolder: folder };
      const error = await failureOf(probe(await videos.open('video.mp4'), options));
      expect(error instanceof VideoError ? error.code : error).toMatch(/^(video_unreadable|no_video_stream)$/);
    }
  });

  it.each(scripts)('%s: does not make ffprobe open a file or a host', async (_, text) => {
    await writeFile(join(folder, 'video'), written(text));
    for (const demuxer of ['mov', 'matroska', 'avi']) {
      // Without the sandbox, because not every platform lets it restrict the network.
      const options = { timeoutMs: 30_000, signal };
      const deadline = AbortSignal.timeout(30_000);
      const error = await failureOf(runFfprobe({ folder, file: 'video', demuxer, skippedBytes: 0, options, deadline }));
      expect(error).toHaveProperty('code', 'video_unreadable');
    }
  });

  it.each(['http://EVIL/x.mp4', 'file://FOLDER/bait.mp4', 'FOLDER/bait.mp4', 'bait.mp4'])(
    'an mp4 whose frames are at %s: only its header is read',
    async (reference) => {
      const bytes = withDataReference('h264.mp4', written(reference));
      await using videos = await openTestVideos({ files: { 'video.mp4': bytes } });
      const options = { timeoutMs: 30_000, signal, temporaryFolder: folder };
      const probed = await probe(await videos.open('video.mp4'), options);
      expect(probed.facts.resolution).toBe('320x180');
      await writeFile(join(folder, 'video'), bytes);
      const deadline = AbortSignal.timeout(30_000);
      await runFfprobe({ folder, file: 'video', demuxer: 'mov', skippedBytes: 0, options, deadline });
    },
  );
});
