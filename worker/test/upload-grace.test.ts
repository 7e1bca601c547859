import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startTestWorker, type TestWorker } from './test-worker.ts';

const HOUR = 3_600_000;

let worker: TestWorker;
beforeEach(async () => {
  worker = await startTestWorker();
});
afterEach(async () => {
  vi.useRealTimers();
  await worker.close();
});

describe.each([
  ['ahead of', HOUR],
  ['behind', -HOUR],
])("a worker whose clock is an hour %s the database's", (_, differenceMs) => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + differenceMs });
  });

  it('retries a missing video of a new alert', async () => {
    // Received in the future: the alert stays new however slow the machine is.
    const { uuid } = await worker.add('/missing/h264.mp4', -HOUR / 6);
    expect(await worker.handle(uuid)).toMatchObject({ kind: 'retry' });
    expect(await worker.row(uuid)).toMatchObject({ status: 'pending', attempts: 1 });
  });

  it('fails a missing video of an old alert at once', async () => {
    const { uuid } = await worker.add('/missing/h264.mp4', 60_000);
    expect(await worker.handle(uuid)).toMatchObject({ kind: 'failed' });
    expect(await worker.row(uuid)).toMatchObject({ status: 'failed', failureCode: 'video_not_found' });
  });

  it('measures the time to the result by the clock of the database', async () => {
    const { uuid } = await worker.add('/right/h264.mp4', 60_000);
    await worker.handle(uuid);
    const sum = (await worker.metrics.registry.metrics()).match(
      /^alert_end_to_end_seconds_sum\{outcome="processed"\} (\S+)/m,
    );
    expect(Number(sum?.[1])).toBeGreaterThanOrEqual(60);
    expect(Number(sum?.[1])).toBeLessThan(HOUR / 1_000);
  });
});
