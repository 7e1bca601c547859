import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { claim, recordResolution, retryFailed } from '#prisma/alerts.ts';
import { VideoTimeout } from '../errors.ts';
import { startTestWorker, type TestWorker } from './test-worker.ts';

let worker: TestWorker;
beforeAll(async () => {
  worker = await startTestWorker();
});
beforeEach(() => worker.reset());
afterAll(() => worker.close());

describe('a readable video', () => {
  it.each([
    ['h264.mp4', { resolution: '320x180', codec: 'h264', container: 'mp4', rotation: 0 }],
    ['moov-at-end.mov', { codec: 'h264', container: 'mov' }],
    ['h264.mkv', { codec: 'h264', container: 'mkv' }],
    ['vp9.webm', { codec: 'vp9', container: 'webm' }],
    ['mpeg4.avi', { codec: 'mpeg4', container: 'avi' }],
    ['rotated-90.mp4', { rotation: 90, container: 'mp4' }],
  ])('%s is recorded, notified once and marked as notified', async (file, facts) => {
    const { uuid } = await worker.add(`/right/${file}`);
    expect(await worker.handle(uuid)).toEqual({ kind: 'done' });
    const row = await worker.row(uuid);
    expect(row).toMatchObject({ status: 'processed', attempts: 1, failureCode: null, ...facts });
    expect(row.resolution).toBe(`${row.width}x${row.height}`);
    expect(Number(row.bytesFetched)).toBeGreaterThan(0);
    expect(row.processedAt?.getTime()).toBeGreaterThanOrEqual(row.startedAt?.getTime() ?? Number.NaN);
    expect(row.notifiedAt).not.toBeNull();
    expect(worker.notified).toEqual([
      {
        uuid,
        store: 'test-store',
        timestamp: 1748871320.6882,
        receivedAt: row.receivedAt,
        outcome: { resolution: row.resolution },
      },
    ]);
  });
});

describe('a video without a resolution', () => {
  it.each([
    ['/missing/h264.mp4', 'video_not_found'],
    ['/right/none.mp4', 'video_not_found'],
    ['/forbidden/h264.mp4', 'video_forbidden'],
    ['/redirect-other/h264.mp4', 'redirect_refused'],
    ['/right/truncated.mov', 'video_unreadable'],
    ['/right/empty.mp4', 'video_unreadable'],
    ['/right/html.mp4', 'video_unreadable'],
    ['/right/playlist.mp4', 'video_unreadable'],
    ['/right/concat.mp4', 'video_unreadable'],
    ['/right/audio-only.mp4', 'no_video_stream'],
    ['/right/audio-only.avi', 'no_video_stream'],
    ['/endless/h264.mp4', 'video_too_large'],
  ] as const)('%s fails on the first attempt with %s, and the store is notified', async (video, code) => {
    const { uuid } = await worker.add(video);
    expect(await worker.handle(uuid)).toMatchObject({ kind: 'failed', reason: expect.stringMatching(`^${code}: .`) });
    const row = await worker.row(uuid);
    expect(row).toMatchObject({ status: 'failed', failureCode: code, resolution: null, width: null, attempts: 1 });
    expect(row.notifiedAt).not.toBeNull();
    expect(worker.notified).toMatchObject([{ uuid, outcome: { failure: code, detail: row.failureDetail } }]);
    expect(worker.logged.filter(({ msg }) => msg === 'alert failed')).toHaveLength(1);
  });
});

describe('a row that the api would reject today', () => {
  it('causes no request to another server', async () => {
    const { uuid } = await worker.add('//127.0.0.1:9/h264.mp4');
    expect(await worker.handle(uuid)).toMatchObject({ kind: 'failed' });
    expect(await worker.row(uuid)).toMatchObject({
      status: 'failed',
      failureCode: 'redirect_refused',
      bytesFetched: 0n,
    });
    expect(worker.videos.requests).toEqual([]);
  });
});

describe('a failing video server', () => {
  it.each([
    ['/broken/h264.mp4', 'video_server_error', 30_000],
    ['/hang-up/h264.mp4', 'video_server_unreachable', 30_000],
    ['/silent/h264.mp4', 'video_timeout', 200],
  ] as const)('%s is retried, and fails with %s on the last attempt', async (video, code, timeoutMs) => {
    const worker = await startTestWorker({ timeoutMs });
    onTestFinished(() => worker.close());
    const { uuid } = await worker.add(video);
    for (let attempt = 1; attempt < 3; attempt += 1) {
      expect(await worker.handle(uuid)).toMatchObject({ kind: 'retry', reason: expect.stringMatching(`^${code}: .`) });
      expect(await worker.row(uuid)).toMatchObject({ status: 'pending', attempts: attempt, failureCode: null });
    }
    expect(worker.notified).toEqual([]);
    expect(await worker.handle(uuid)).toMatchObject({ kind: 'failed' });
    expect(await worker.row(uuid)).toMatchObject({ status: 'failed', attempts: 3, failureCode: code });
    expect(worker.notified).toHaveLength(1);
  });

  it('determines the delay with Retry-After', async () => {
    const { uuid } = await worker.add('/throttled/h264.mp4');
    expect(await worker.handle(uuid)).toMatchObject({ kind: 'retry', delayMs: 7_000 });
  });

  it('increases bytesFetched with each attempt', async () => {
    const { uuid } = await worker.add('/truncated/h264.mp4');
    await worker.handle(uuid);
    const { bytesFetched } = await worker.row(uuid);
    expect(Number(bytesFetched)).toBeGreaterThan(0);
    await worker.handle(uuid);
    expect((await worker.row(uuid)).bytesFetched).toBe(bytesFetched * 2n);
  });
});

describe('a missing video of a new alert', () => {
  it('is retried: the upload may not have finished', async () => {
    // Received in the future: the alert stays new however slow the machine is.
    const { uuid } = await worker.add('/missing/h264.mp4', -600_000);
    expect(await worker.handle(uuid)).toMatchObject({ kind: 'retry' });
    expect(await worker.row(uuid)).toMatchObject({ status: 'pending', attempts: 1 });
  });
});

describe('an alert claimed by another attempt', () => {
  it('is not changed or notified by the stale attempt', async () => {
    const { uuid } = await worker.add('/right/h264.mp4');
    worker.pause = async () => {
      expect(await claim(worker.db, uuid)).toMatchObject({ kind: 'claimed', alert: { attempts: 2 } });
      throw new VideoTimeout('too slow');
    };
    expect(await worker.handle(uuid)).toMatchObject({ kind: 'retry' }); // its release changed nothing either
    expect(await worker.row(uuid)).toMatchObject({ status: 'processing', attempts: 2, bytesFetched: 0n });
    expect(worker.notified).toEqual([]);
  });

  it('is superseded if the other attempt recorded first', async () => {
    const { uuid } = await worker.add('/right/h264.mp4');
    const facts = { resolution: '2x2', width: 2, height: 2, rotation: 0, codec: 'x', container: 'avi', duration: 1 };
    worker.pause = async () => {
      await claim(worker.db, uuid);
      await recordResolution(worker.db, { uuid, claim: 2 }, facts, 7);
    };
    const result = await worker.handle(uuid);
    expect(result).toEqual({ kind: 'done' });
    expect(await worker.row(uuid)).toMatchObject({ resolution: '2x2', attempts: 2, bytesFetched: 7n });
    expect(worker.notified).toEqual([]);
  });
});

describe('a job delivered again', () => {
  it('for a notified alert does nothing', async () => {
    const { uuid } = await worker.add('/right/h264.mp4');
    await worker.handle(uuid);
    const before = await worker.row(uuid);
    expect(await worker.handle(uuid)).toEqual({ kind: 'done' });
    expect(await worker.row(uuid)).toEqual(before);
    expect(worker.notified).toHaveLength(1);
  });

  it('for a recorded but not notified alert only notifies', async () => {
    const { uuid } = await worker.add('/right/h264.mp4');
    worker.failNotifying = new Error('the notifier is unavailable');
    await expect(worker.handle(uuid)).rejects.toThrow('the notifier is unavailable');
    expect(await worker.row(uuid)).toMatchObject({ status: 'processed', notifiedAt: null });
    worker.failNotifying = undefined;
    const requestsBefore = worker.videos.requests.length;
    expect(await worker.handle(uuid)).toEqual({ kind: 'done' });
    expect(worker.videos.requests).toHaveLength(requestsBefore);
    expect(worker.notified).toHaveLength(1);
    expect((await worker.row(uuid)).notifiedAt).not.toBeNull();
  });

  it('without a row fails without an exception', async () => {
    expect(await worker.handle(randomUUID())).toEqual({ kind: 'failed', reason: 'alert not found' });
  });
});

describe('an alert whose workers all vanished', () => {
  it('fails with worker_crashed without another request for the video', async () => {
    const { uuid } = await worker.add('/right/h264.mp4');
    for (let crash = 1; crash <= 3; crash += 1) await claim(worker.db, uuid);
    expect(await worker.handle(uuid, { stalls: 3 })).toMatchObject({ kind: 'failed' });
    expect(await worker.row(uuid)).toMatchObject({ status: 'failed', failureCode: 'worker_crashed', crashes: 3 });
    expect(worker.videos.requests).toEqual([]);
    expect(worker.notified).toMatchObject([{ outcome: { failure: 'worker_crashed' } }]);
  });
});

describe('an alert retried by an operator', () => {
  it('has all its attempts again and a second notification', async () => {
    const { uuid } = await worker.add('/broken/h264.mp4');
    for (let attempt = 1; attempt <= 3; attempt += 1) await worker.handle(uuid);
    expect(await retryFailed(worker.db, [uuid])).toMatchObject([{ uuid, requestId: 'request-1' }]);
    expect(await worker.handle(uuid)).toMatchObject({ kind: 'retry' });
    expect(await worker.handle(uuid)).toMatchObject({ kind: 'retry' });
    expect(await worker.handle(uuid)).toMatchObject({ kind: 'failed' });
    expect(await worker.row(uuid)).toMatchObject({ status: 'failed', attempts: 6, attemptsBefore: 3 });
    expect(worker.notified).toHaveLength(2);
  });
});

describe('a stopping worker', () => {
  it('releases the alert without using up an attempt', async () => {
    const { uuid } = await worker.add('/silent/h264.mp4');
    const stop = new AbortController();
    const handled = worker.handle(uuid, { signal: stop.signal });
    await expect.poll(() => worker.videos.requests.length, { timeout: 150_000 }).toBe(1);
    stop.abort(new Error('the worker is stopping'));
    expect(await handled).toMatchObject({ kind: 'retry' });
    expect(await worker.row(uuid)).toMatchObject({ status: 'pending', attempts: 0 });
    expect(worker.notified).toEqual([]);
  });
});

describe('an internal error', () => {
  it('of the environment is thrown for another delivery, logged once, and does not count as an attempt', async () => {
    const { uuid } = await worker.add('/right/mpeg2.avi');
    for (let delivery = 1; delivery <= 4; delivery += 1) {
      await expect(worker.handle(uuid, { ffprobePath: '/nowhere/ffprobe' })).rejects.toThrow(/ffprobe/);
    }
    expect(await worker.row(uuid)).toMatchObject({ status: 'pending', attempts: 0, failureCode: null });
    expect(worker.logged.filter(({ level }) => Number(level) >= 40)).toHaveLength(4);
    expect(await worker.handle(uuid)).toEqual({ kind: 'done' });
  });

  it('in our program counts as an attempt, and the last one fails the alert', async () => {
    const { uuid } = await worker.add('/right/h264.mp4');
    worker.pause = async () => {
      throw new TypeError('a bug');
    };
    expect(await worker.handle(uuid)).toMatchObject({ kind: 'retry', reason: 'internal error: a bug' });
    expect(await worker.handle(uuid)).toMatchObject({ kind: 'retry', delayMs: expect.any(Number) });
    expect(await worker.row(uuid)).toMatchObject({ status: 'pending', attempts: 2 });
    expect(await worker.handle(uuid)).toMatchObject({ kind: 'failed' });
    expect(await worker.row(uuid)).toMatchObject({ status: 'failed', failureCode: 'worker_crashed' });
    expect(worker.notified).toHaveLength(1);
  });

  it('in the notifier keeps the result, with the notification still due', async () => {
    const { uuid } = await worker.add('/right/h264.mp4');
    worker.failNotifying = new Error('the notifier is unavailable');
    for (let delivery = 1; delivery <= 4; delivery += 1) await expect(worker.handle(uuid)).rejects.toThrow();
    expect(await worker.row(uuid)).toMatchObject({ status: 'processed', attempts: 1, notifiedAt: null });
  });
});
