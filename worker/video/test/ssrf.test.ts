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
import { failureOf, fixture, openStack } from './open-video.ts';
import { beginnings, scripts } from './scripts.ts';

const signal = new AbortController().signal;
let canary: Canary;
let folder: string;
let touched: number;

beforeAll(async () => {
  canary = await openCanary();
  folder = await mkdtemp(join(tmpdir(), 'elsewhere-test-'));
});

// Nothing in this file may meet the canary.
beforeEach(() => {
  touched = canary.connections;
});
afterEach(() => expect(canary.connections).toBe(touched));

afterAll(async () => {
  await canary[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

describe('a redirect', () => {
  /** EVIL is the canary's port, OWN the video server's. */
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
  /** Odd, but on the video server, which has no such file. */
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
    await using house = await openStack();
    const target = to.replaceAll('EVIL', `${canary.port}`).replaceAll('OWN', new URL(house.server.origin).port);
    const url = house.server.url('h264.mp4', 'redirect-to');
    url.searchParams.set('to', target);
    const error = await failureOf(house.reader.open(url, { signal, meter: house.meter }));
    expect(error instanceof VideoError ? error.code : error).toBe(code);
    expect(house.meter.requests).toBe(requests);
    expect(house.server.requests.map(({ authorized }) => authorized)).not.toContain(true);
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
    await using stack = await openStack();
    const { protocol, hostname, port } = new URL(stack.server.origin);
    const { connect } = createPinnedConnector(new URL(stack.server.origin), 1000);
    const socket = await new Promise<Socket>((resolve, reject) =>
      connect({ protocol, hostname, port }, (error, connected) => (error ? reject(error) : resolve(connected))),
    );
    expect(stack.server.connections).toBe(1);
    socket.destroy();
  });

  it.each(['http', 'https'] as const)('takes no proxy from the environment, on %s', async (protocol) => {
    await using house = await openStack({ protocol });
    const proxy = `http://127.0.0.1:${canary.port}`;
    const script = `
      import { createVideoReader } from ${JSON.stringify(import.meta.resolve('../http/range-reader.ts'))};
      const [origin, url] = process.argv.slice(1);
      const reader = createVideoReader({ origin, connections: 1, byteBudget: 1e6, timeoutMs: 5000 });
      console.log((await reader.open(new URL(url), { signal: new AbortController().signal })).size);
      reader.close();`;
    const url = house.server.url('h264.mp4').href;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '-e', script, house.server.origin, url],
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

describe('a script named like a video', () => {
  const written = (text: string) => text.replaceAll('EVIL', `127.0.0.1:${canary.port}`).replaceAll('FOLDER', folder);

  /** A video that would be understood, if anybody opened it. */
  beforeAll(() => copyFile(join(import.meta.dirname, 'fixtures/h264.mp4'), join(folder, 'bait.mp4')));

  it.each(scripts)('%s: is read by no probe of ours', async (_, text) => {
    for (const beginning of ['', ...beginnings]) {
      await using house = await openStack({ files: { 'video.mp4': Buffer.from(beginning + written(text), 'latin1') } });
      const options = { timeoutMs: 5000, signal, temporaryFolder: folder };
      const error = await failureOf(probe(await house.open('video.mp4'), options));
      expect(error instanceof VideoError ? error.code : error).toMatch(/^(video_unreadable|no_video_stream)$/);
    }
  });

  it.each(scripts)('%s: leads ffprobe to no file and no host', async (_, text) => {
    await writeFile(join(folder, 'video'), written(text));
    for (const demuxer of ['mov', 'matroska', 'avi']) {
      // Without the cage: what holds here holds where the platform cuts no network.
      const options = { timeoutMs: 5000, signal };
      const deadline = AbortSignal.timeout(5000);
      const error = await failureOf(runFfprobe({ folder, file: 'video', demuxer, skippedBytes: 0, options, deadline }));
      expect(error).toHaveProperty('code', 'video_unreadable');
    }
  });

  it.each(['http://EVIL/x.mp4', 'file://FOLDER/bait.mp4', 'FOLDER/bait.mp4', 'bait.mp4'])(
    'an mp4 whose pictures are at %s is read for its header alone',
    async (reference) => {
      const bytes = withDataReference('h264.mp4', written(reference));
      await using house = await openStack({ files: { 'video.mp4': bytes } });
      const options = { timeoutMs: 5000, signal, temporaryFolder: folder };
      const probed = await probe(await house.open('video.mp4'), options);
      expect(probed.facts.resolution).toBe('320x180');
      await writeFile(join(folder, 'video'), bytes);
      const deadline = AbortSignal.timeout(5000);
      await runFfprobe({ folder, file: 'video', demuxer: 'mov', skippedBytes: 0, options, deadline });
    },
  );
});
