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
import { type Resources, resourcesIn } from './leaked-resources.ts';
import { failureOf, openTestVideos } from './test-videos.ts';

/** Its moov box is at its end, so that it takes two requests. */
const files = { 'video.mp4': stretched('h264.mp4', 500_000) };
const byteBudget = 1024 * 1024;
const timeoutMs = 150;
const signal = new AbortController().signal;

let temporaryFolder: string;
let before: Resources;

beforeEach(async () => {
  temporaryFolder = await mkdtemp(join(tmpdir(), 'hostile-test-'));
  before = resourcesIn(temporaryFolder);
});

// Whatever the server does, no socket, process or file remains once reader and server are closed.
afterEach(async () => {
  await expect.poll(() => resourcesIn(temporaryFolder), { timeout: 150_000 }).toEqual(before);
  await rm(temporaryFolder, { recursive: true });
});

function codeOf(error: unknown): string {
  return error instanceof VideoError ? `${error.code}, ${error.permanent ? 'permanent' : 'transient'}` : String(error);
}

const codes: [Behaviour, string][] = [
  // a response without a video
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
  // a range other than the requested one, or none
  ['other-range', 'video_server_error, transient'],
  ['short-range', 'video_server_error, transient'],
  ['no-range', 'video_server_error, transient'],
  ['unrequested-206', 'video_server_error, transient'],
  ['multipart', 'video_server_error, transient'],
  // a length other than the announced one
  ['length-too-short', 'video_server_error, transient'],
  ['length-too-long', 'video_timeout, transient'],
  ['truncated', 'video_server_error, transient'],
  ['truncated-whole', 'video_server_error, transient'],
  ['reset', 'video_server_error, transient'],
  ['two-lengths', 'video_server_error, transient'],
  ['length-and-chunks', 'video_server_error, transient'],
  ['bad-chunks', 'video_server_error, transient'],
  // a different file than before
  ['changing', 'video_server_error, transient'],
  ['lying-size', 'video_server_error, transient'],
  // an endless response
  ['endless', 'video_too_large, permanent'],
  ['endless-part', 'video_server_error, transient'],
  ['endless-headers', 'video_server_error, transient'],
  ['gzip', 'video_server_error, transient'],
  ['gzip-bomb', 'video_server_error, transient'],
  ['continuing', 'video_server_error, transient'],
  ['hinting', 'video_timeout, transient'],
  // no response
  ['silent', 'video_timeout, transient'],
  ['silent-later', 'video_timeout, transient'],
  ['stalled', 'video_timeout, transient'],
  ['drip', 'video_timeout, transient'],
  ['dripping-headers', 'video_timeout, transient'],
  ['hang-up', 'video_server_unreachable, transient'],
  // invalid HTTP
  ['garbage', 'video_server_error, transient'],
  ['switching', 'video_server_error, transient'],
  ['endless-trailers', 'video_server_error, transient'],
];

describe.each(['http', 'https'] as const)('a video server over %s', (protocol) => {
  it('is probed when it behaves correctly', async () => {
    await using videos = await openTestVideos({ files, protocol, byteBudget, timeoutMs: 20_000 });
    const { facts } = await probe(await videos.open('video.mp4'), { timeoutMs: 20_000, signal, temporaryFolder });
    expect(facts).toMatchObject({ resolution: '320x180', codec: 'h264' });
    expect(videos.server.connections).toBe(1);
  });

  it.each(codes)('%s: %s', async (behaviour, code) => {
    // Where no timeout is expected, a busy machine must not cause one.
    const timeout = code.startsWith('video_timeout') ? timeoutMs : 20_000;
    await using videos = await openTestVideos({ files, protocol, byteBudget, timeoutMs: timeout });
    const attempt = async () =>
      probe(await videos.open('video.mp4', behaviour), { timeoutMs: 20_000, signal, temporaryFolder });
    const error = await failureOf(attempt());
    expect(codeOf(error)).toBe(code);
    // Plus what the socket had read before it was closed.
    expect(videos.meter.bytesFetched).toBeLessThanOrEqual(byteBudget + 64 * 1024);
    expect(videos.meter.requests).toBeLessThanOrEqual(4);
  });

  it('cannot pass off an unrequested second response as the next video', async () => {
    await using videos = await openTestVideos({ files, protocol, byteBudget });
    // This request may succeed or fail.
    await Promise.allSettled([videos.open('video.mp4', 'second-response')]);
    const video = await videos.open('video.mp4');
    expect(video.size).toBe(files['video.mp4'].length);
    expect(Buffer.compare(await video.read(0, 1000), files['video.mp4'].subarray(0, 1000))).toBe(0);
  });
});

describe('a TLS handshake', () => {
  const open = (origin: string) => {
    const reader = createVideoReader({ origin, connections: 1, byteBudget, timeoutMs });
    return failureOf(reader.open(new URL('/video.mp4', origin), { signal })).finally(() => reader.close());
  };

  it('that never completes is a timeout', async () => {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => sockets.add(socket.on('error', () => {})));
    const error = await open(`https://127.0.0.1:${await listen(server)}`);
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
    expect(error).toHaveProperty('code', 'video_timeout');
    expect(sockets.size).toBe(1);
  });

  it('with an untrusted certificate fails before any request', async () => {
    await using videos = await openTestVideos({ files, protocol: 'https' });
    setDefaultCACertificates([]);
    const error = await open(videos.server.origin);
    expect(error).toHaveProperty('code', 'video_server_unreachable');
    expect(videos.server.requests).toHaveLength(0);
  });
});

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
