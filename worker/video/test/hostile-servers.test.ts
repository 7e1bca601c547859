import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setDefaultCACertificates } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Behaviour } from '#test/harness/video-behaviours.ts';
import { VideoError } from '../../errors.ts';
import { createVideoReader } from '../http/range-reader.ts';
import { probe } from '../probe.ts';
import { stretched } from './altered-videos.ts';
import { type Held, held, heldAtRest } from './leaked-resources.ts';
import { failureOf, openStack } from './open-video.ts';

/** Its moov is at its end, so that one look is not enough. */
const files = { 'video.mp4': stretched('h264.mp4', 500_000) };
const byteBudget = 1024 * 1024;
const timeoutMs = 150;
const signal = new AbortController().signal;

let temporaryFolder: string;
let before: Held;

beforeEach(async () => {
  temporaryFolder = await mkdtemp(join(tmpdir(), 'hostile-test-'));
  before = held(temporaryFolder);
});

/** Whatever the server did: no socket, no process and no file is left once reader and server are closed. */
afterEach(async () => {
  const after = await heldAtRest(temporaryFolder, before);
  await rm(temporaryFolder, { recursive: true });
  expect(after).toEqual(before);
});

function codeOf(error: unknown): string {
  return error instanceof VideoError ? `${error.code}, ${error.permanent ? 'permanent' : 'transient'}` : String(error);
}

const codes: [Behaviour, string][] = [
  // an answer without a video
  ['missing', 'video_not_found, permanent'],
  ['gone', 'video_not_found, permanent'],
  ['missing-truncated', 'video_not_found, permanent'],
  ['unauthorized', 'video_forbidden, permanent'],
  ['forbidden', 'video_forbidden, permanent'],
  ['refused', 'video_server_error, transient'],
  ['throttled', 'video_server_error, transient'],
  ['broken', 'video_server_error, transient'],
  ['busy', 'video_server_error, transient'],
  ['no-content', 'video_server_error, transient'],
  // redirects
  ['redirect-other', 'redirect_refused, permanent'],
  ['redirect-loop', 'redirect_refused, permanent'],
  ['redirect-on', 'redirect_refused, permanent'],
  ['redirect-nowhere', 'redirect_refused, permanent'],
  // another range than the one asked for, or none
  ['other-range', 'video_server_error, transient'],
  ['short-range', 'video_server_error, transient'],
  ['no-range', 'video_server_error, transient'],
  ['unasked-206', 'video_server_error, transient'],
  ['multipart', 'video_server_error, transient'],
  // other lengths than announced
  ['length-too-short', 'video_server_error, transient'],
  ['length-too-long', 'video_timeout, transient'],
  ['truncated', 'video_server_error, transient'],
  ['truncated-whole', 'video_server_error, transient'],
  ['reset', 'video_server_error, transient'],
  ['two-lengths', 'video_server_error, transient'],
  ['length-and-chunks', 'video_server_error, transient'],
  ['bad-chunks', 'video_server_error, transient'],
  // another file than before
  ['changing', 'video_server_error, transient'],
  ['lying-size', 'video_server_error, transient'],
  // no end
  ['endless', 'video_too_large, permanent'],
  ['endless-part', 'video_server_error, transient'],
  ['endless-headers', 'video_server_error, transient'],
  ['gzip', 'video_server_error, transient'],
  ['gzip-bomb', 'video_server_error, transient'],
  ['continuing', 'video_server_error, transient'],
  ['hinting', 'video_timeout, transient'],
  // no beginning
  ['silent', 'video_timeout, transient'],
  ['silent-later', 'video_timeout, transient'],
  ['stalled', 'video_timeout, transient'],
  ['drip', 'video_timeout, transient'],
  ['dripping-headers', 'video_timeout, transient'],
  ['hang-up', 'video_server_unreachable, transient'],
  // no HTTP
  ['garbage', 'video_server_error, transient'],
  ['switching', 'video_server_error, transient'],
  ['endless-trailers', 'video_server_error, transient'],
];

describe.each(['http', 'https'] as const)('a video server on %s', (protocol) => {
  it('that does right is read to the end of the story', async () => {
    await using house = await openStack({ files, protocol, byteBudget, timeoutMs: 2000 });
    const { facts } = await probe(await house.open('video.mp4'), { timeoutMs: 5000, signal, temporaryFolder });
    expect(facts).toMatchObject({ resolution: '320x180', codec: 'h264' });
    expect(house.server.connections).toBe(1);
  });

  it.each(codes)('%s: %s', async (behaviour, code) => {
    // Where no silence is expected a busy machine may take its time.
    const patience = code.startsWith('video_timeout') ? timeoutMs : 2000;
    await using house = await openStack({ files, protocol, byteBudget, timeoutMs: patience });
    const started = performance.now();
    const attempt = async () =>
      probe(await house.open('video.mp4', behaviour), { timeoutMs: 5000, signal, temporaryFolder });
    const error = await failureOf(attempt());
    const ms = performance.now() - started;
    expect(codeOf(error)).toBe(code);
    // What a socket had read before it was closed comes on top.
    expect(house.meter.bytesFetched).toBeLessThanOrEqual(byteBudget + 64 * 1024);
    expect(house.meter.requests).toBeLessThanOrEqual(4);
    expect(ms).toBeLessThan(3 * patience + 3000);
  });

  it('that sends a second answer unasked is not believed for the next video', async () => {
    await using house = await openStack({ files, protocol, byteBudget });
    // Whether this one is taken or not is all one.
    await Promise.allSettled([house.open('video.mp4', 'second-answer')]);
    const video = await house.open('video.mp4');
    expect(video.size).toBe(files['video.mp4'].length);
    expect(Buffer.compare(await video.read(0, 1000), files['video.mp4'].subarray(0, 1000))).toBe(0);
  });
});

describe('a handshake', () => {
  const open = (origin: string) => {
    const reader = createVideoReader({ origin, connections: 1, byteBudget, timeoutMs });
    return failureOf(reader.open(new URL('/video.mp4', origin), { signal })).finally(() => reader.close());
  };

  it('that never ends is a timeout', async () => {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => sockets.add(socket.on('error', () => {})));
    const error = await open(`https://127.0.0.1:${await listen(server)}`);
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
    expect(error).toHaveProperty('code', 'video_timeout');
    expect(sockets.size).toBe(1);
  });

  it('with somebody nobody vouches for is the end of it', async () => {
    await using house = await openStack({ files, protocol: 'https' });
    setDefaultCACertificates([]);
    const error = await open(house.server.origin);
    expect(error).toHaveProperty('code', 'video_server_unreachable');
    expect(house.server.requests).toHaveLength(0);
  });
});

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
