import { Registry } from '@prometheus-io/client';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { claim, markNotified, recordFailure, recordResolution, retryFailed } from '#prisma/alerts.ts';
import { migrateQueue } from '#redis/migrate.ts';
import { type AlertQueue, consumeAlerts, openAlertQueue } from '#redis/queue.ts';
import { warm } from '#test/harness/test-database.ts';
import { createMetrics } from '../metrics.ts';
import { reconcile } from '../reconcile.ts';
import { startTestWorker, type TestWorker } from './test-worker.ts';

let worker: TestWorker;
let queue: AlertQueue;
beforeEach(async () => {
  worker = await startTestWorker();
  await migrateQueue(worker.databaseUrl);
  queue = openAlertQueue(worker.databaseUrl, () => {});
});
afterEach(async () => {
  await queue.close();
  await worker.close();
});

const metrics = createMetrics(new Registry());
const pass = async (quietMs = 0, maxDepth = 1_000) => {
  const deps = { db: worker.db, queue, log: pino({ level: 'silent' }), metrics, maxDepth };
  return (await reconcile(deps, undefined, { quietMs, limit: 100 })).enqueued;
};
const state = (uuid: string) => queue.bull().getJobState(uuid);
const facts = { resolution: '2x2', width: 2, height: 2, rotation: 0, codec: 'x', container: 'avi', duration: 1 };

describe('the reconciler', () => {
  it('enqueues a row whose job was never enqueued', async () => {
    const { uuid } = await worker.add('/right/h264.mp4');
    metrics.registry.resetMetrics();
    expect(await pass()).toBe(1);
    expect(await metrics.registry.metrics()).toContain('alerts_reconciled_total 1');
    expect(await state(uuid)).toMatch(/^(waiting|prioritized)$/);
    expect((await queue.bull().getJob(uuid))?.data).toEqual({
      ...{ uuid, requestId: 'request-1', store: 'test-store' },
      source: null,
    });
  });

  it('skips a row whose job is waiting, and one that was just updated', async () => {
    const { uuid } = await worker.add('/right/h264.mp4');
    await queue.enqueue({ uuid, requestId: 'request-1' });
    await worker.add('/right/h264.mp4');
    expect(await pass(1_800_000)).toBe(0);
    expect(await pass()).toBe(1);
  });

  it('enqueues no more than the queue has capacity for', async () => {
    for (let i = 0; i < 5; i += 1) await worker.add('/right/h264.mp4');
    expect(await pass(0, 2)).toBe(2);
    expect(await pass(0, 2)).toBe(0);
    expect(await pass(0, 4)).toBe(2);
    expect((await queue.state()).jobs.waiting).toBe(4);
  });

  it('enqueues the alerts of a store oldest first', async () => {
    const uuids: string[] = [];
    for (let i = 0; i < 12; i += 1) uuids.push((await worker.add('/right/h264.mp4')).uuid);
    expect(await pass()).toBe(12);
    const priorities = [];
    for (const uuid of uuids) priorities.push((await queue.bull().getJob(uuid))?.priority);
    expect(priorities).toEqual([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
  });

  it('does not change a row whose job is live', async () => {
    const { uuid } = await worker.add('/right/h264.mp4');
    await queue.enqueue({ uuid, requestId: 'request-1' });
    const before = await worker.row(uuid);
    expect(await pass()).toBe(0);
    expect(await worker.row(uuid)).toEqual(before);
  });

  it('keeps the rate of a bulk retry that was deferred, even after its planned times', async () => {
    const alerts = [];
    for (let i = 0; i < 4; i += 1) alerts.push(await worker.add('/right/h264.mp4'));
    const uuids = alerts.map(({ uuid }) => uuid);
    for (const uuid of uuids) {
      await claim(worker.db, uuid);
      await recordFailure(worker.db, { uuid, claim: 1 }, { code: 'video_timeout', detail: '' }, 0);
    }
    await retryFailed(worker.db, uuids, { perSecond: 0.01 });
    await worker.db.$executeRaw`UPDATE alerts SET next_attempt_at = next_attempt_at - interval '1 day'`;
    expect(await pass()).toBe(4);
    const delays = await Promise.all(uuids.map(async (uuid) => (await queue.bull().getJob(uuid))?.opts.delay ?? 0));
    expect(delays.map((delay) => Math.ceil(delay / 100_000))).toEqual([0, 1, 2, 3]);
    expect(await pass()).toBe(0);
  });

  it('replaces a job that is delayed for ten years', async () => {
    const { uuid } = await worker.add('/right/h264.mp4');
    await queue.bull().add('alert', { uuid, requestId: 'forged' }, { jobId: uuid, delay: 315_360_000_000 });
    await queue.enqueue({ uuid, requestId: 'request-1' });
    expect(await state(uuid)).toBe('delayed');
    expect(await pass()).toBe(1);
    expect(await state(uuid)).toMatch(/^(waiting|prioritized)$/);
  });

  it('enqueues a row whose job finished without a result', async () => {
    const { uuid } = await worker.add('/right/h264.mp4');
    await queue.enqueue({ uuid, requestId: 'request-1' });
    const handled = Promise.withResolvers<void>();
    const consumer = consumeAlerts(
      worker.databaseUrl,
      async () => {
        handled.resolve();
        return { kind: 'done' };
      },
      { concurrency: 1, onError: () => {} },
    );
    await handled.promise;
    await consumer.close(1_000);
    expect(await state(uuid)).toBe('unknown');
    expect(await pass()).toBe(1);
    expect(await state(uuid)).toMatch(/^(waiting|prioritized)$/);
  });

  it('enqueues a final row that was not notified, and not one that was', async () => {
    const [unnotified, notified] = [await worker.add('/right/h264.mp4'), await worker.add('/right/h264.mp4')];
    for (const { uuid } of [unnotified, notified]) {
      await claim(worker.db, uuid);
      await recordResolution(worker.db, { uuid, claim: 1 }, facts, 0);
    }
    await markNotified(worker.db, { uuid: notified.uuid, claim: 1 });
    expect(await pass()).toBe(1);
    expect(await state(unnotified.uuid)).toBe('waiting');
    expect(await worker.handle(unnotified.uuid)).toEqual({ kind: 'done' });
    expect(worker.notified).toMatchObject([{ uuid: unnotified.uuid, outcome: { resolution: '2x2' } }]);
    expect(await pass()).toBe(0);
  });

  it('enqueues each row once when two workers reconcile at the same time', async () => {
    for (let i = 0; i < 20; i += 1) await worker.add('/right/h264.mp4');
    await worker.db.alert.updateMany({ data: { updatedAt: new Date(Date.now() - 3_600_000) } });
    await warm(worker.db, 5);
    const enqueued = await Promise.all([pass(1_800_000), pass(1_800_000)]);
    expect(enqueued[0] + enqueued[1]).toBe(20);
    expect((await queue.state()).jobs.waiting).toBe(20);
  });
});
