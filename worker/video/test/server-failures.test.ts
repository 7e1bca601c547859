import { createServer } from 'node:net';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { VideoError } from '../../errors.ts';
import { createVideoReader, windowBytes } from '../http/range-reader.ts';
import { failureOf, openStack, pattern } from './open-video.ts';

const files = { 'long.mp4': pattern(4 * windowBytes), 'short.mp4': pattern(1000) };
const signal = new AbortController().signal;

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await failureOf(promise);
  return error instanceof VideoError ? `${error.code}, ${error.permanent ? 'permanent' : 'transient'}` : String(error);
}

describe('an answer without a video', () => {
  it.each([
    ['throttled', 7_000, 7_000],
    ['busy', 110_000, 120_000],
    ['busy-for-days', 3_600_000, 3_600_000],
    ['broken', undefined, undefined],
  ] as const)('%s: waits as long as it is told, one hour at most', async (behaviour, least, most) => {
    await using house = await openStack({ files });
    const error = await failureOf(house.open('long.mp4', behaviour));
    const wait = error instanceof VideoError ? error.retryAfterMs : -1;
    if (least === undefined) expect(wait).toBeUndefined();
    else expect(wait).toBeGreaterThanOrEqual(least);
    if (most !== undefined) expect(wait).toBeLessThanOrEqual(most);
  });

  it.each([
    ['silent', /did not respond within 150 ms$/],
    ['stalled', /sent no data for 150 ms$/],
    ['drip', /did not complete its response within 450 ms$/],
  ] as const)('%s: the detail tells what took too long', async (behaviour, detail) => {
    await using house = await openStack({ files, timeoutMs: 150 });
    const error = await failureOf(house.open('short.mp4', behaviour));
    expect(error).toHaveProperty('message', expect.stringMatching(detail));
  });

  it('costs what it sent before it broke off', async () => {
    await using house = await openStack({ files });
    await failureOf(house.open('long.mp4', 'truncated'));
    expect(house.meter).toEqual({ bytesFetched: windowBytes / 2, requests: 1 });
  });

  it('is unreachable where nobody listens or the name is unknown', async () => {
    for (const origin of [`http://127.0.0.1:${await freePort()}`, 'http://no-such-host.invalid']) {
      const reader = createVideoReader({ origin, connections: 1, byteBudget: windowBytes, timeoutMs: 1000 });
      expect(await codeOf(reader.open(new URL('/a.mp4', origin), { signal }))).toBe(
        'video_server_unreachable, transient',
      );
      reader.close();
    }
  });

  it('carries nothing of the request', async () => {
    await using house = await openStack({ files, timeoutMs: 150 });
    for (const behaviour of ['silent', 'garbage', 'hang-up', 'truncated', 'missing', 'redirect-other'] as const) {
      const url = house.server.url('long.mp4', behaviour);
      url.username = 'camera';
      url.password = 'hunter2';
      const error = await failureOf(house.reader.open(url, { signal }));
      expect(inspect(error, { depth: 10, showHidden: true })).not.toMatch(/authorization|hunter2|Y2FtZXJhOmh1bnRlcjI/i);
    }
  });
});

describe('a redirect', () => {
  it('within the origin is followed with its range, once for all reads', async () => {
    await using house = await openStack({ files });
    const video = await house.open('long.mp4', 'redirect-same');
    await video.read(windowBytes, 2 * windowBytes);
    expect(house.server.requests).toMatchObject([
      { path: '/redirect-same/long.mp4', range: 'bytes=0-16383' },
      { path: '/right/long.mp4', range: 'bytes=0-16383' },
      { path: '/right/long.mp4', range: 'bytes=16384-32767' },
    ]);
  });

  it('sends no user and password, whoever names them', async () => {
    await using house = await openStack({ files });
    const url = house.server.url('long.mp4', 'redirect-user');
    url.username = 'camera';
    await house.reader.open(url, { signal });
    expect(house.server.requests.map(({ authorized }) => authorized)).toEqual([false, false]);
  });

  it('that leads nowhere leaves the connection to the next request', async () => {
    await using house = await openStack({ files });
    await failureOf(house.open('long.mp4', 'redirect-nowhere'));
    await house.open('long.mp4');
    expect(house.server.connections).toBe(1);
  });

  it('to another origin sends nothing there', async () => {
    await using house = await openStack({ files });
    await failureOf(house.open('long.mp4', 'redirect-other'));
    expect(house.server.requests).toHaveLength(1);
  });

  it('is followed three times at most', async () => {
    await using house = await openStack({ files });
    await failureOf(house.open('long.mp4', 'redirect-loop'));
    expect(house.server.requests).toHaveLength(4);
  });
});

describe('a video that changes while it is read', () => {
  it.each(['changing', 'lying-size'] as const)('%s: is a transient fault', async (behaviour) => {
    await using house = await openStack({ files });
    const video = await house.open('long.mp4', behaviour);
    expect(await codeOf(video.read(windowBytes, windowBytes + 1))).toBe('video_server_error, transient');
  });
});

describe('a connection', () => {
  it('closed by the server as it is used again is replaced by a new one', async () => {
    await using house = await openStack({ files });
    const video = await house.open('long.mp4', 'hang-up-when-reused');
    await video.read(windowBytes, windowBytes + 1);
    expect(house.server.requests).toHaveLength(3);
    expect(house.server.connections).toBe(2);
  });

  it('asks for nothing compressed', async () => {
    await using house = await openStack({ files });
    await house.open('long.mp4');
    expect(house.server.requests.map(({ acceptEncoding }) => acceptEncoding)).toEqual(['identity']);
  });
});

describe('the signal', () => {
  it.each(['silent', 'stalled', 'drip', 'endless'] as const)(
    '%s: ends the opening with its reason',
    async (behaviour) => {
      await using house = await openStack({ files, byteBudget: 2 ** 40 });
      const controller = new AbortController();
      const failure = failureOf(house.open('long.mp4', behaviour, controller.signal));
      const reason = new Error('the worker is going down');
      const begun = () => (behaviour === 'silent' ? house.server.requests.length : house.meter.bytesFetched) > 0;
      while (!begun()) await new Promise((resolve) => setImmediate(resolve));
      controller.abort(reason);
      expect(await failure).toBe(reason);
    },
  );

  it('ends later reads too, those from memory included', async () => {
    await using house = await openStack({ files });
    const controller = new AbortController();
    const video = await house.open('long.mp4', 'right', controller.signal);
    const reason = new Error('the worker is going down');
    controller.abort(reason);
    expect(await failureOf(video.read(0, 10))).toBe(reason);
    expect(await failureOf(video.read(windowBytes, windowBytes + 10))).toBe(reason);
    expect(house.server.requests).toHaveLength(1);
  });

  it('given up beforehand sends nothing', async () => {
    await using house = await openStack({ files });
    const reason = new Error('too late');
    expect(await failureOf(house.open('long.mp4', 'right', AbortSignal.abort(reason)))).toBe(reason);
    expect(house.server.requests).toHaveLength(0);
    expect(house.meter.requests).toBe(0);
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
