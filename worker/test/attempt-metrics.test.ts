import { pino } from 'pino';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { claim, retryFailed } from '#prisma/alerts.ts';
import { startTestWorker, type TestWorker } from './test-worker.ts';

let worker: TestWorker;
beforeEach(async () => {
  worker = await startTestWorker({ maxAttempts: 2 });
});
afterEach(() => worker.close());

/** Returns the value of the series with this printed name. */
async function value(series: string): Promise<number> {
  const text = await worker.metrics.registry.metrics();
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1));
}

it('counts a readable video as one attempt, with its duration, bytes and requests, and as one alert', async () => {
  const { uuid } = await worker.add('/right/h264.mp4', 3_600_000);
  await worker.handle(uuid, { queuedAt: new Date(Date.now() - 1_800_000) });
  expect(await value('alert_processing_seconds_count{outcome="processed"}')).toBe(1);
  expect(await value('alert_processing_seconds_bucket{le="0.002",outcome="processed"}')).toBe(0);
  expect(await value('alert_end_to_end_seconds_sum{outcome="processed"}')).toBeGreaterThanOrEqual(3_600);
  expect(await value('alert_end_to_end_seconds_sum{outcome="processed"}')).toBeLessThan(36_000);
  expect(await value('alert_queue_wait_seconds_sum')).toBeGreaterThanOrEqual(1_800);
  expect(await value('alert_queue_wait_seconds_sum')).toBeLessThan(18_000);
  expect(await value('alert_fetched_bytes_sum')).toBe(Number((await worker.row(uuid)).bytesFetched));
  expect(await value('alert_requests_sum')).toBe(1);
  expect(await value('alert_attempts_sum')).toBe(1);
  expect(await value('alert_notifications_total{outcome="sent"}')).toBe(1);
});

it('counts a server error as a retry by its code, then as a failed alert', async () => {
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
  // The second delivery was delayed on purpose.
  expect(await value('alert_queue_wait_seconds_count')).toBe(1);
});

it('measures alerts that are retried for a day', async () => {
  const { uuid } = await worker.add('/forbidden/h264.mp4', 86_430_000);
  await worker.db.alert.update({ where: { uuid }, data: { attempts: 169, claims: 169 } });
  await worker.handle(uuid, { queuedAt: new Date() });
  const attempts = await Promise.all([100, 200].map((le) => value(`alert_attempts_bucket{le="${le}"}`)));
  const seconds = await Promise.all(
    [43_200, 90_000].map((le) => value(`alert_end_to_end_seconds_bucket{le="${le}",outcome="failed"}`)),
  );
  expect({ attempts, seconds }).toEqual({ attempts: [0, 1], seconds: [0, 1] });
});

it('starts a new latency, queue wait and attempt count after an operator’s retry', async () => {
  const { uuid } = await worker.add('/forbidden/h264.mp4', 3_600_000);
  await worker.handle(uuid, { queuedAt: new Date() });
  const firstRound = await value('alert_end_to_end_seconds_sum{outcome="failed"}');
  await retryFailed(worker.db, [uuid]);
  await worker.handle(uuid, { queuedAt: new Date() });
  expect((await value('alert_end_to_end_seconds_sum{outcome="failed"}')) - firstRound).toBeLessThan(1_800);
  expect(await value('alert_queue_wait_seconds_count')).toBe(2);
  expect(await value('alert_attempts_bucket{le="1"}')).toBe(2);
});

it('counts attempts whose worker vanished when their alert reaches its final status', async () => {
  const { uuid } = await worker.add('/right/h264.mp4');
  await claim(worker.db, uuid);
  await claim(worker.db, uuid);
  expect(await value('alerts_taken_over_total')).toBe(0);
  await worker.handle(uuid);
  expect(await value('alerts_taken_over_total')).toBe(2);
});

it('distinguishes aborted, superseded and internally failed attempts', async () => {
  const stop = new AbortController();
  const aborted = await worker.add('/right/h264.mp4');
  worker.pause = async () => {
    stop.abort();
    stop.signal.throwIfAborted();
  };
  await worker.handle(aborted.uuid, { signal: stop.signal });
  expect(await value('alert_processing_seconds_count{outcome="aborted"}')).toBe(1);

  const second = await worker.add('/right/h264.mp4');
  worker.pause = () => claim(worker.db, second.uuid);
  await worker.handle(second.uuid);
  expect(await value('alert_processing_seconds_count{outcome="superseded"}')).toBe(1);
  expect(await value('alert_end_to_end_seconds_count{outcome="processed"}')).toBe(0);

  const third = await worker.add('/right/h264.mp4');
  worker.pause = async () => {
    throw new Error('an internal error');
  };
  expect(await worker.handle(third.uuid)).toMatchObject({ kind: 'retry' });
  expect(await value('alert_attempt_failures_total{code="internal"}')).toBe(1);
});

it('counts a failed notification', async () => {
  const { uuid } = await worker.add('/right/h264.mp4');
  worker.failNotifying = new Error('the printer is on fire');
  await worker.handle(uuid).catch(() => {});
  expect(await value('alert_notifications_total{outcome="failed"}')).toBe(1);
  expect(await value('alert_notifications_total{outcome="sent"}')).toBe(0);
});

it('costs less CPU than three log lines', async () => {
  const { countAttempt, countClaim } = await import('../attempt-metrics.ts');
  const { uuid } = await worker.add('/right/h264.mp4');
  const claimed = await claim(worker.db, uuid);
  if (claimed.kind !== 'claimed') throw new Error('not claimed');
  const meter = { bytesFetched: 65_536, requests: 1 };
  const countAlert = () => {
    countClaim(worker.metrics, claimed.alert, new Date());
    countAttempt(worker.metrics, claimed.alert, { outcome: 'processed', ms: 12, meter });
    worker.metrics.probes.inc({ path: 'in_process' });
    worker.metrics.notifications.inc({ outcome: 'sent' });
  };
  const log = pino({ base: { service: 'worker' } }, { write() {} });
  const writeLine = () =>
    log.info({ alert: uuid, requestId: 'request-1', attempt: 1, outcome: 'processed' }, 'handled');
  // CPU time, the best of ten rounds: other load on the machine does not count.
  const best = (work: () => void) => Math.min(...Array.from({ length: 10 }, () => cpuMicroseconds(work, 5_000)));
  expect(best(countAlert)).toBeLessThan(3 * best(writeLine));
});

function cpuMicroseconds(work: () => void, times: number): number {
  const before = process.cpuUsage();
  for (let i = 0; i < times; i++) work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}
