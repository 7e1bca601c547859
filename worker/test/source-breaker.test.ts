import { describe, expect, it, onTestFinished } from 'vitest';
import { createSourceBreaker } from '../source-breaker.ts';
import { startTestWorker } from './test-worker.ts';

const FAILURE = { code: 'video_server_unreachable', detail: 'refused' } as const;

/** Returns a breaker with a clock that the test sets. */
function breakerAt() {
  const clock = { ms: 0 };
  const breaker = createSourceBreaker(undefined, () => clock.ms);
  const fail = (...alerts: string[]) => {
    for (const alert of alerts) breaker.failed(alert, FAILURE);
  };
  return { breaker, clock, fail };
}

describe('a breaker', () => {
  it('opens after five alerts failed without a response in between, and not because of one alert', () => {
    const { breaker, fail } = breakerAt();
    fail('a', 'b', 'c', 'd', 'd', 'd', 'a');
    breaker.responded();
    fail('a', 'b', 'c', 'd');
    expect(breaker.admit('x')).toMatchObject({ kind: 'attempt' });
    expect(breaker.isDown()).toBe(false);
    fail('e');
    expect(breaker.admit('x')).toMatchObject({ kind: 'wait', delayMs: 5_000, failure: FAILURE, first: true });
    expect(breaker.admit('x')).toMatchObject({ kind: 'wait', first: false });
    expect(breaker.isDown()).toBe(true);
  });

  it('is down at once, however long its process has run', () => {
    const breaker = createSourceBreaker(undefined, () => 86_400_000);
    for (const alert of 'abcde') breaker.failed(alert, FAILURE);
    expect(breaker.isDown()).toBe(true);
  });

  it('lets one alert probe at a time, after 5, 10, 20, 30, 30 s', () => {
    const { breaker, clock, fail } = breakerAt();
    fail('a', 'b', 'c', 'd', 'e');
    for (const seconds of [5, 10, 20, 30, 30]) {
      clock.ms += seconds * 1_000 - 1;
      expect(breaker.admit('early')).toMatchObject({ kind: 'wait' });
      clock.ms += 1;
      const probe = breaker.admit('probe');
      expect(probe.kind).toBe('attempt');
      expect(breaker.admit('other')).toMatchObject({ kind: 'wait' });
      fail('started earlier', 'probe');
      if (probe.kind === 'attempt') probe.end();
    }
    breaker.responded();
    expect(breaker.admit('x')).toMatchObject({ kind: 'attempt' });
    expect(breaker.isDown()).toBe(false);
  });

  it('lets another alert probe if the probe ended without a result', () => {
    const { breaker, clock, fail } = breakerAt();
    fail('a', 'b', 'c', 'd', 'e');
    clock.ms = 5_000;
    const probe = breaker.admit('final');
    if (probe.kind === 'attempt') probe.end();
    expect(breaker.admit('next')).toMatchObject({ kind: 'attempt' });
  });

  it('is not down if no alert has come for 15 minutes: another worker has processed those that waited', () => {
    const { breaker, clock, fail } = breakerAt();
    fail('a', 'b', 'c', 'd', 'e');
    breaker.admit('a');
    clock.ms = 15 * 60_000 - 1;
    expect(breaker.isDown()).toBe(true);
    clock.ms += 1;
    expect(breaker.isDown()).toBe(false);
  });

  it('spreads the waiting alerts: 2 return per second', () => {
    const { breaker, fail } = breakerAt();
    fail('a', 'b', 'c', 'd', 'e');
    const delays = Array.from({ length: 41 }, () => {
      const admission = breaker.admit('x');
      return admission.kind === 'wait' ? admission.delayMs : 0;
    });
    expect([delays[0], delays[20], delays[40]]).toEqual([5_000, 15_000, 25_000]);
  });

  it('returns the alerts that waited or failed once the source responds, unless they had an attempt or are final', () => {
    const { breaker, clock, fail } = breakerAt();
    fail('a', 'b', 'c', 'd', 'e');
    for (const alert of ['x', 'y', 'z']) breaker.admit(alert);
    breaker.forget('y');
    expect(breaker.takeWaiting(10)).toEqual([]);
    clock.ms = 5_000;
    expect(breaker.admit('probe')).toMatchObject({ kind: 'attempt' });
    breaker.responded();
    breaker.admit('a');
    expect(breaker.takeWaiting(2)).toEqual(['b', 'c']);
    // Down again: the others keep waiting.
    fail('1', '2', '3', '4', '5');
    expect(breaker.takeWaiting(10)).toEqual([]);
    breaker.responded();
    expect(breaker.takeWaiting(10)).toEqual(['d', 'e', 'x', 'z', '1', '2', '3', '4', '5']);
  });
});

describe('an alert whose source is down', () => {
  async function startOpened() {
    const clock = { ms: 0 };
    const options = { alerts: 1, firstProbeMs: 5_000, maxProbeMs: 60_000 };
    const breaker = createSourceBreaker(options, () => clock.ms);
    const worker = await startTestWorker({ breaker, maxAttempts: 100 });
    onTestFinished(() => worker.close());
    await worker.handle((await worker.add('/broken/h264.mp4')).uuid);
    return { worker, clock, requests: () => worker.videos.requests.length };
  }

  it('waits without a connection and an attempt, and shows the reason; the probe ends the outage', async () => {
    const { worker, clock, requests } = await startOpened();
    const { uuid } = await worker.add('/right/h264.mp4');
    const reason = 'video_server_error: the video server responded with status 500';
    expect(await worker.handle(uuid)).toMatchObject({ kind: 'retry', reason, delayMs: 5_000 });
    const row = await worker.row(uuid);
    expect(row).toMatchObject({ status: 'pending', attempts: 0, lastError: reason });
    const again = await worker.handle(uuid, { queuedAt: new Date() });
    expect(again).toMatchObject({ kind: 'retry', delayMs: expect.any(Number) });
    expect(await worker.row(uuid)).toEqual(row); // no write
    expect(requests()).toBe(1);
    clock.ms = 5_000;
    expect(await worker.handle(uuid, { queuedAt: new Date() })).toEqual({ kind: 'done' });
    const next = await worker.add('/right/h264.mp4');
    expect(await worker.handle(next.uuid)).toEqual({ kind: 'done' });
  });

  it('is promoted although the source recovers before the queue has delayed its job', async () => {
    const breaker = createSourceBreaker({ alerts: 1, firstProbeMs: 5_000, maxProbeMs: 60_000 }, () => 0);
    const worker = await startTestWorker({ breaker, maxAttempts: 100 });
    onTestFinished(() => worker.close());
    const failed = await worker.add('/broken/h264.mp4');
    const waiting = await worker.add('/right/h264.mp4');
    const uuids = [failed.uuid, waiting.uuid];
    const results = [await worker.handle(failed.uuid), await worker.handle(waiting.uuid)];
    const again = await worker.handle(waiting.uuid, { queuedAt: new Date() });
    breaker.responded();
    expect(breaker.takeWaiting(10)).toEqual(uuids); // promoted in vain: their jobs are active
    for (const result of results) if (result.kind === 'retry') result.onDelayed?.();
    expect(breaker.takeWaiting(10)).toEqual(uuids);
    if (again.kind === 'retry') again.onDelayed?.();
    expect(breaker.takeWaiting(10)).toEqual([waiting.uuid]);
  });

  it('that has failed often returns for the next probe, and one whose horizon ends returns then', async () => {
    const breaker = createSourceBreaker({ alerts: 1, firstProbeMs: 250_000, maxProbeMs: 250_000 }, () => 0);
    const worker = await startTestWorker({ breaker, maxAttempts: Number.POSITIVE_INFINITY, horizonMs: 7_200_000 });
    onTestFinished(() => worker.close());
    const waiting = await worker.add('/right/h264.mp4', 7_000_000);
    const often = await worker.add('/broken/h264.mp4', 6_000_000);
    await worker.db.alert.update({ where: { uuid: often.uuid }, data: { attempts: 20 } });
    // The tenth failure in a row alone would delay it by up to 600 s.
    expect(await worker.handle(often.uuid)).toMatchObject({ kind: 'retry', delayMs: 250_000 });
    // 200 s are left of its horizon.
    expect(await worker.handle(waiting.uuid)).toMatchObject({ kind: 'retry', delayMs: expect.closeTo(170_000, -5) });
    const again = await worker.handle(waiting.uuid, { queuedAt: new Date(Date.now() - 7_100_000) });
    expect(again).toMatchObject({ kind: 'retry', delayMs: expect.closeTo(100_000, -5) });
  });

  it('fails after 24 hours without a connection, but not within the first minute of the outage', async () => {
    const { worker, clock, requests } = await startOpened();
    const { uuid } = await worker.add('/right/h264.mp4', 25 * 3_600_000);
    const delivery = { queuedAt: new Date(0) };
    clock.ms = 4_999;
    expect(await worker.handle(uuid, delivery)).toMatchObject({ kind: 'retry' });
    for (const ms of [5_000, 15_000, 35_000]) {
      clock.ms = ms;
      await worker.handle((await worker.add('/broken/h264.mp4')).uuid);
    }
    clock.ms = 61_000;
    const before = requests();
    expect(await worker.handle(uuid, delivery)).toMatchObject({ kind: 'failed' });
    expect(requests()).toBe(before);
    expect(await worker.row(uuid)).toMatchObject({
      ...{ status: 'failed', attempts: 1, failureCode: 'video_server_error' },
      failureDetail: expect.stringMatching(/^not readable for 24 h: the video server responded/),
    });
  });
});
