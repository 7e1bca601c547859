import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { freePort } from '#test/harness/ports.ts';
import { VideoError } from '../../errors.ts';
import { createVideoReader, windowBytes } from '../http/range-reader.ts';
import { failureOf, openTestVideos, pattern } from './test-videos.ts';

const files = { 'long.mp4': pattern(4 * windowBytes), 'short.mp4': pattern(1000) };
const signal = new AbortController().signal;

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await failureOf(promise);
  return error instanceof VideoError ? `${error.code}, ${error.permanent ? 'permanent' : 'transient'}` : String(error);
}

describe('a response without a video', () => {
  it.each([
    ['throttled', 7_000, 7_000],
    ['busy', 110_000, 120_000],
    ['busy-for-days', 3_600_000, 3_600_000],
    ['broken', undefined, undefined],
  ] as const)('%s: the delay follows Retry-After, at most one hour', async (behaviour, min, max) => {
    await using videos = await openTestVideos({ files });
    const error = await failureOf(videos.open('long.mp4', behaviour));
    const delay = error instanceof VideoError ? error.retryAfterMs : -1;
    if (min === undefined) expect(delay).toBeUndefined();
    else expect(delay).toBeGreaterThanOrEqual(min);
    if (max !== undefined) expect(delay).toBeLessThanOrEqual(max);
  });

  it.each([
    ['silent', /did not respond within 150 ms$/],
    ['stalled', /sent no data for 150 ms$/],
    ['drip', /did not complete its response within 450 ms$/],
  ] as const)('%s: the detail says what took too long', async (behaviour, detail) => {
    await using videos = await openTestVideos({ files, timeoutMs: 150 });
    const error = await failureOf(videos.open('short.mp4', behaviour));
    expect(error).toHaveProperty('message', expect.stringMatching(detail));
  });

  it('counts the bytes received before it failed', async () => {
    await using videos = await openTestVideos({ files });
    await failureOf(videos.open('long.mp4', 'truncated'));
    expect(videos.meter).toEqual({ bytesFetched: windowBytes / 2, requests: 1 });
  });

  it('is unreachable if the connection is refused or the host unknown', async () => {
    for (const origin of [`http://127.0.0.1:${await freePort()}`, 'http://no-such-host.invalid']) {
      const reader = createVideoReader({ origin, connections: 1, byteBudget: windowBytes, timeoutMs: 1000 });
      expect(await codeOf(reader.open(new URL('/a.mp4', origin), { signal }))).toBe(
        'video_server_unreachable, transient',
      );
      reader.close();
    }
  });

  it('does not expose the request in the error', async () => {
    await using videos = await openTestVideos({ files, timeoutMs: 150 });
    for (const behaviour of ['silent', 'garbage', 'hang-up', 'truncated', 'missing', 'redirect-other'] as const) {
      const url = videos.server.url('long.mp4', behaviour);
      url.username = 'camera';
      url.password = 'hunter2';
      const error = await failureOf(videos.reader.open(url, { signal }));
      expect(inspect(error, { depth: 10, showHidden: true })).not.toMatch(/authorization|hunter2|Y2FtZXJhOmh1bnRlcjI/i);
    }
  });
});

describe('a redirect', () => {
  it('within the origin is followed with its range and remembered for later reads', async () => {
    await using videos = await openTestVideos({ files });
    const video = await videos.open('long.mp4', 'redirect-same');
    await video.read(windowBytes, 2 * windowBytes);
    expect(videos.server.requests).toMatchObject([
      { path: '/redirect-same/long.mp4', range: 'bytes=0-16383' },
      { path: '/right/long.mp4', range: 'bytes=0-16383' },
      { path: '/right/long.mp4', range: 'bytes=16384-32767' },
    ]);
  });

  it("sends no user and password, neither ours nor the redirect's", async () => {
    await using videos = await openTestVideos({ files });
    const url = videos.server.url('long.mp4', 'redirect-user');
    url.username = 'camera';
    await videos.reader.open(url, { signal });
    expect(videos.server.requests.map(({ authorized }) => authorized)).toEqual([false, false]);
  });

  it('to an invalid URL leaves the connection usable', async () => {
    await using videos = await openTestVideos({ files });
    await failureOf(videos.open('long.mp4', 'redirect-nowhere'));
    await videos.open('long.mp4');
    expect(videos.server.connections).toBe(1);
  });

  it('to another origin sends nothing there', async () => {
    await using videos = await openTestVideos({ files });
    await failureOf(videos.open('long.mp4', 'redirect-other'));
    expect(videos.server.requests).toHaveLength(1);
  });

  it('is followed at most three times', async () => {
    await using videos = await openTestVideos({ files });
    await failureOf(videos.open('long.mp4', 'redirect-loop'));
    expect(videos.server.requests).toHaveLength(4);
  });
});

describe('a video that changes while it is read', () => {
  it.each(['changing', 'lying-size'] as const)('%s: is a transient failure', async (behaviour) => {
    await using videos = await openTestVideos({ files });
    const video = await videos.open('long.mp4', behaviour);
    expect(await codeOf(video.read(windowBytes, windowBytes + 1))).toBe('video_server_error, transient');
  });
});

describe('a connection', () => {
  it('closed by the server just as it is reused is replaced', async () => {
    await using videos = await openTestVideos({ files });
    const video = await videos.open('long.mp4', 'hang-up-when-reused');
    await video.read(windowBytes, windowBytes + 1);
    expect(videos.server.requests).toHaveLength(3);
    expect(videos.server.connections).toBe(2);
  });

  it('requests an uncompressed response', async () => {
    await using videos = await openTestVideos({ files });
    await videos.open('long.mp4');
    expect(videos.server.requests.map(({ acceptEncoding }) => acceptEncoding)).toEqual(['identity']);
  });
});

describe('the signal', () => {
  it.each(['silent', 'stalled', 'drip', 'endless'] as const)('%s: ends opening with its reason', async (behaviour) => {
    await using videos = await openTestVideos({ files, byteBudget: 2 ** 40 });
    const controller = new AbortController();
    const failure = failureOf(videos.open('long.mp4', behaviour, controller.signal));
    const reason = new Error('shutdown');
    const progress = () => (behaviour === 'silent' ? videos.server.requests.length : videos.meter.bytesFetched);
    await expect.poll(progress, { interval: 1 }).toBeGreaterThan(0);
    controller.abort(reason);
    expect(await failure).toBe(reason);
  });

  it('also ends later reads, even of cached bytes', async () => {
    await using videos = await openTestVideos({ files });
    const controller = new AbortController();
    const video = await videos.open('long.mp4', 'right', controller.signal);
    const reason = new Error('shutdown');
    controller.abort(reason);
    expect(await failureOf(video.read(0, 10))).toBe(reason);
    expect(await failureOf(video.read(windowBytes, windowBytes + 10))).toBe(reason);
    expect(videos.server.requests).toHaveLength(1);
  });

  it('aborted beforehand sends nothing', async () => {
    await using videos = await openTestVideos({ files });
    const reason = new Error('too late');
    expect(await failureOf(videos.open('long.mp4', 'right', AbortSignal.abort(reason)))).toBe(reason);
    expect(videos.server.requests).toHaveLength(0);
    expect(videos.meter.requests).toBe(0);
  });
});
