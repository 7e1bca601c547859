import { Registry } from '@prometheus-io/client';
import { pino } from 'pino';
import { expect, inject, it, vi } from 'vitest';
import { openAlertQueue } from '#redis/queue.ts';
import { startRedisServer } from '#test/harness/redis.ts';
import { createMetrics } from '../metrics.ts';
import { startReconciler } from '../reconcile.ts';
import { startTestWorker } from './test-worker.ts';

const ROWS = 60_000;
/** On a busy machine, Redis may not respond within the time that a command has. */
const RETRIED = { timeout: 500_000, interval: 100 };

it.skipIf(inject('redisCommand') === null)(
  'finds a lost job behind tens of thousands of waiting ones, and writes no other row',
  { timeout: 1_200_000 },
  async ({ onTestFinished }) => {
    const redis = await startRedisServer();
    onTestFinished(() => redis.stop());
    const worker = await startTestWorker();
    onTestFinished(() => worker.close());
    const queue = openAlertQueue(redis.url, () => {});
    onTestFinished(() => queue.close());
    await worker.db.$executeRaw`
      INSERT INTO alerts (uuid, video, store, timestamp, request_id, received_at, updated_at)
      SELECT gen_random_uuid(), '/a.mp4', 's', n, 'r', at, at FROM generate_series(1, ${ROWS}) n,
        LATERAL (SELECT now() - interval '1 hour' + n * interval '1 ms' AS at) t`;
    const rows = await worker.db.$queryRaw<{ uuid: string }[]>`SELECT uuid::text FROM alerts ORDER BY updated_at`;
    const [lost] = rows.slice(-ROWS / 10);
    const waiting = rows.filter((row) => row !== lost).map(({ uuid }) => ({ uuid, requestId: 'r' }));
    await vi.waitFor(() => queue.enqueueAgain(waiting), RETRIED);

    const metrics = createMetrics(new Registry());
    const log = pino({ level: 'silent' });
    const reconciler = startReconciler({ db: worker.db, queue, log, metrics, maxDepth: 10_000_000 });
    onTestFinished(() => reconciler.close());
    const missing = async () => metrics.registry.getSingleMetricAsString('alerts_overdue');
    await expect.poll(missing, RETRIED).toContain(`state="checked"} ${ROWS}`);
    expect(await vi.waitFor(() => queue.findLost(rows), RETRIED)).toEqual([]);
    expect(await metrics.registry.getSingleMetricAsString('alerts_reconciled_total')).toContain(
      'alerts_reconciled_total 1',
    );
    expect(await missing()).toContain('state="missing"} 0');
    const written = await worker.db.$queryRaw`
      SELECT uuid::text FROM alerts WHERE updated_at > (SELECT min(updated_at) + interval '30 minutes' FROM alerts)`;
    expect(written).toEqual([lost]);
  },
);
