import { afterEach, beforeEach, expect, it } from 'vitest';
import { claim, retryFailed } from '#prisma/alerts.ts';
import { startTestWorker, type TestWorker } from './test-worker.ts';

let worker: TestWorker;
beforeEach(async () => {
  worker = await startTestWorker({ maxAttempts: 2 });
});
afterEach(() => worker.close());

/** The value of a series, by its printed name. */
async function value(series: string): Promise<number> {
  const text = await worker.metrics.registry.metrics();
  const line = text.split('\n').find((printed) => printed.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1));
}

it('a good video counts as one attempt, with its time, bytes and requests, and as one alert', async () => {
  const { uuid } = await worker.add('/right/h264.mp4', 5_000);
  await worker.handle(uuid, { queuedAt: new Date(Date.now() - 700) });
  expect(await value('alert_processing_seconds_count{outcome="processed"}')).toBe(1);
  expect(await value('alert_processing_seconds_bucket{le="0.002",outcome="processed"}')).toBe(0);
  expect(await value('alert_end_to_end_seconds_sum{outcome="processed"}')).toBeGreaterThan(4.9);
  expect(await value('alert_end_to_end_seconds_sum{outcome="processed"}')).toBeLessThan(15);
  expect(await value('alert_queue_wait_seconds_sum')).toBeGreaterThanOrEqual(0.7);
  expect(await value('alert_queue_wait_seconds_sum')).toBeLessThan(5);
  expect(await value('alert_fetched_bytes_sum')).toBe(Number((await worker.row(uuid)).bytesFetched));
  expect(await value('alert_requests_sum')).toBe(1);
  expect(await value('alert_attempts_sum')).toBe(1);
  expect(await value('alert_notifications_total{outcome="told"}')).toBe(1);
});

it('a server that fails counts as a retry by its code, then as a failed alert', async () => {
  const { uuid } = await worker.add('/broken/h264.mp4');
  await worker.handle(uuid, { queuedAt: new Date() });
  expect(await value('alert_attempt_failures_total{code="video_server_error"}')).toBe(1);
  expect(await value('alert_processing_seconds_count{outcome="retry"}')).toBe(1);
  expect(await value('alerts_failed_total{code="video_server_error"}')).toBe(0);
  await worker.handle(uuid, { queuedAt: new Date(0) });
  expect(await value('alert_attempt_failures_total{code="video_server_error"}')).toBe(2);
  expect(await value('alerts_failed_total{code="video_server_error"}')).toBe(1);
  expect(await value('alert_end_to_end_seconds_count{outcome="failed"}')).toBe(1);
  expect(await value('alert_attempts_sum')).toBe(2);
  // The second delivery waited on purpose.
  expect(await value('alert_queue_wait_seconds_count')).toBe(1);
});

it('an operator’s retry is a new round: it waits in the queue anew, and its attempts are its own', async () => {
  const { uuid } = await worker.add('/forbidden/h264.mp4');
  await worker.handle(uuid, { queuedAt: new Date() });
  await retryFailed(worker.db, [uuid]);
  await worker.handle(uuid, { queuedAt: new Date() });
  expect(await value('alert_queue_wait_seconds_count')).toBe(2);
  expect(await value('alert_attempts_bucket{le="1"}')).toBe(2);
});

it('attempts whose worker vanished are counted when their alert ends', async () => {
  const { uuid } = await worker.add('/right/h264.mp4');
  await claim(worker.db, uuid);
  await claim(worker.db, uuid);
  expect(await value('alerts_taken_over_total')).toBe(0);
  await worker.handle(uuid);
  expect(await value('alerts_taken_over_total')).toBe(2);
});

it('what is broken off, superseded, or our own fault is told apart', async () => {
  const stop = new AbortController();
  const broken = await worker.add('/right/h264.mp4');
  worker.pause = async () => {
    stop.abort();
    stop.signal.throwIfAborted();
  };
  await worker.handle(broken.uuid, { signal: stop.signal });
  expect(await value('alert_processing_seconds_count{outcome="broken_off"}')).toBe(1);

  const second = await worker.add('/right/h264.mp4');
  worker.pause = () => claim(worker.db, second.uuid);
  await worker.handle(second.uuid);
  expect(await value('alert_processing_seconds_count{outcome="superseded"}')).toBe(1);
  expect(await value('alert_end_to_end_seconds_count{outcome="processed"}')).toBe(0);

  const third = await worker.add('/right/h264.mp4');
  worker.pause = async () => {
    throw new Error('a fault of ours');
  };
  await expect(worker.handle(third.uuid)).rejects.toThrow('a fault of ours');
  expect(await value('alert_attempt_failures_total{code="internal"}')).toBe(1);
});

it('a notification that was not given is counted as such', async () => {
  const { uuid } = await worker.add('/right/h264.mp4');
  worker.failNotifying = new Error('the printer is on fire');
  await worker.handle(uuid).catch(() => {});
  expect(await value('alert_notifications_total{outcome="failed"}')).toBe(1);
  expect(await value('alert_notifications_total{outcome="told"}')).toBe(0);
});

it('costs an alert under 10 µs', async () => {
  const { countAttempt, countClaim } = await import('../attempt-metrics.ts');
  const { uuid } = await worker.add('/right/h264.mp4');
  const claimed = await claim(worker.db, uuid);
  if (claimed.kind !== 'claimed') throw new Error('not claimed');
  const meter = { bytesFetched: 65_536, requests: 1 };
  const alert = () => {
    countClaim(worker.metrics, claimed.alert, new Date());
    countAttempt(worker.metrics, claimed.alert, { outcome: 'processed', ms: 12, meter });
    worker.metrics.probes.inc({ path: 'in_process' });
    worker.metrics.notifications.inc({ outcome: 'told' });
  };
  const round = () => {
    const before = process.cpuUsage();
    for (let i = 0; i < 5_000; i++) alert();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 5_000;
  };
  // Processor time, the best of ten rounds: what else runs on the machine is not ours.
  const best = Math.min(...Array.from({ length: 10 }, round));
  process.stdout.write(`metrics of one alert: ${best.toFixed(1)} µs\n`);
  expect(best).toBeLessThan(10);
});
