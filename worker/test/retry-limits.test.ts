import { describe, expect, it, onTestFinished } from 'vitest';
import { claim, retryFailed } from '#prisma/alerts.ts';
import { startTestWorker } from './test-worker.ts';

const HOUR = 3_600_000;

describe('a failing video server', () => {
  it('is retried without a limit on the number of attempts until the horizon ends, and the failure says so', async () => {
    const worker = await startTestWorker({ maxAttempts: Number.POSITIVE_INFINITY });
    onTestFinished(() => worker.close());
    const { uuid } = await worker.add('/broken/h264.mp4', 23 * HOUR);
    for (let attempt = 1; attempt <= 20; attempt += 1) {
      expect(await worker.handle(uuid)).toMatchObject({ kind: 'retry' });
    }
    expect(await worker.row(uuid)).toMatchObject({ status: 'pending', attempts: 20 });
    await worker.db
      .$executeRaw`UPDATE alerts SET received_at = received_at - interval '1 hour' WHERE uuid = ${uuid}::uuid`;
    expect(await worker.handle(uuid)).toMatchObject({ kind: 'failed' });
    const row = await worker.row(uuid);
    expect(row).toMatchObject({ status: 'failed', attempts: 21, failureCode: 'video_server_error' });
    expect(row.failureDetail).toMatch(/^not readable for 24 h: the video server responded.*500/);
    expect(worker.notified).toMatchObject([{ uuid, outcome: { failure: 'video_server_error' } }]);
  });

  it('cannot make the attempts fetch more than four byte budgets', async () => {
    const byteBudget = 100_000;
    const worker = await startTestWorker({ maxAttempts: Number.POSITIVE_INFINITY, byteBudget });
    onTestFinished(() => worker.close());
    const { uuid } = await worker.add('/truncated/h264.mp4');
    const { bytesFetched: perAttempt } = await worker.handle(uuid).then(() => worker.row(uuid));
    const setFetched = (bytes: number) =>
      worker.db.$executeRaw`UPDATE alerts SET bytes_fetched = ${bytes} WHERE uuid = ${uuid}::uuid`;
    await setFetched(3 * byteBudget - Number(perAttempt));
    expect(await worker.handle(uuid)).toMatchObject({ kind: 'retry' });
    expect(await worker.handle(uuid)).toMatchObject({ kind: 'failed' });
    expect(await worker.row(uuid)).toMatchObject({
      failureCode: 'video_too_large',
      failureDetail: expect.stringMatching(
        /^not readable within the 400000 bytes of all attempts; last error: video_server_/,
      ),
    });
  });

  it('cannot extend an attempt beyond its timeout by sending slowly', async () => {
    const shortTimeout = await startTestWorker({ timeoutMs: 60_000, attemptTimeoutMs: 300 });
    const { uuid } = await shortTimeout.add('/drip/h264.mp4');
    expect(await shortTimeout.handle(uuid)).toMatchObject({
      kind: 'retry',
      reason: 'video_timeout: no result within 300 ms',
    });
    expect(await shortTimeout.row(uuid)).toMatchObject({ status: 'pending', attempts: 1 });
    await shortTimeout.close();
  });

  it('that sends slowly occupies three whole attempts, and then short ones', async () => {
    const worker = await startTestWorker({
      timeoutMs: 60_000,
      attemptTimeoutMs: 300,
      shortTimeoutMs: 100,
      maxAttempts: 9,
    });
    onTestFinished(() => worker.close());
    const { uuid } = await worker.add('/drip/h264.mp4');
    const reasons = [];
    for (let attempt = 1; attempt <= 5; attempt += 1) reasons.push(await worker.handle(uuid));
    const limits = reasons.map((result) => Number(/no result within (\d+) ms/.exec(JSON.stringify(result))?.[1]));
    expect(limits.at(0)).toBe(300);
    expect(limits.at(-1)).toBe(100);
    expect((await worker.row(uuid)).busyMs).toBeGreaterThan(900);
  });
});

describe('an alert retried by an operator', () => {
  it('may fetch as many bytes again, and take as long', async () => {
    const worker = await startTestWorker();
    onTestFinished(() => worker.close());
    const { uuid } = await worker.add('/truncated/h264.mp4');
    for (let attempt = 1; attempt <= 3; attempt += 1) await worker.handle(uuid);
    const { bytesFetched, busyMs } = await worker.row(uuid);
    expect(busyMs).toBeGreaterThan(0);
    await retryFailed(worker.db, [uuid]);
    expect(await worker.row(uuid)).toMatchObject({ bytesFetched, bytesBefore: bytesFetched, busyMs: 0 });
    expect(await claim(worker.db, uuid)).toMatchObject({ alert: { roundBytes: 0, busyMs: 0 } });
  });
});
