import { cp, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject, it } from 'vitest';
import { openDatabase } from '#prisma/client.ts';
import { openAlertQueue } from '#redis/queue.ts';
import { startRedisServer } from '#test/harness/redis.ts';
import { createStack } from '#test/harness/stack.ts';

/** Alerts sent before the copy, during it, and after it. */
const BATCH = 30;
const PATIENTLY = { timeout: 120_000, interval: 500 };

it.skipIf(inject('redisCommand') === null)(
  'loses no alert, notifies none twice and leaves no job behind when Redis is restored from an old copy',
  { timeout: 400_000 },
  async ({ onTestFinished }) => {
    const folder = await mkdtemp(join(tmpdir(), 'restored-redis-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const redisFolder = join(folder, 'redis');
    let redis = await startRedisServer({ folder: redisFolder });
    onTestFinished(() => redis.stop());
    const notified: string[] = [];
    const onLine = (line: string) => {
      const [, store] = /^\[Notification\] Store: (\S+) /.exec(line) ?? [];
      if (store !== undefined) notified.push(store);
    };
    const stack = await createStack({ backend: 'redis', redis, workers: 2, onLine });
    onTestFinished(stack.close);
    const db = openDatabase(stack.databaseUrl, { poolSize: 1, onError: () => {} });
    onTestFinished(() => db.$disconnect());
    await stack.start();

    const stores: string[] = [];
    const sendBatch = async () => {
      const batch = Array.from({ length: BATCH }, (_, n) => `store-${stores.length + n}`);
      await Promise.all(batch.map((store) => stack.post({ store })));
      stores.push(...batch);
    };
    const expectAllNotified = () =>
      expect.poll(() => db.alert.count({ where: { notifiedAt: { not: null } } }), PATIENTLY).toBe(stores.length);
    const pauseWorkers = () => {
      for (const worker of stack.workers) worker.pause();
    };
    const resumeWorkers = () => {
      for (const worker of stack.workers) worker.resume();
    };
    onTestFinished(resumeWorkers);
    await sendBatch();
    await expectAllNotified();

    // In the copy, these jobs are waiting or active; once the workers resume, the alerts are processed.
    pauseWorkers();
    await sendBatch();
    await cp(redisFolder, `${redisFolder}-old`, { recursive: true });
    resumeWorkers();
    await expectAllNotified();

    // The copy knows nothing of these.
    pauseWorkers();
    await sendBatch();
    await redis.kill();
    await rename(redisFolder, `${redisFolder}-new`);
    await rename(`${redisFolder}-old`, redisFolder);
    redis = await startRedisServer({ folder: redisFolder, port: redis.port });
    resumeWorkers();
    await expectAllNotified();

    expect(notified.toSorted()).toEqual(stores.toSorted());
    const queue = openAlertQueue(redis.url, () => {});
    onTestFinished(queue.close);
    const unfinished = () => queue.bull().getJobCounts('waiting', 'active', 'delayed', 'prioritized');
    await expect.poll(unfinished, PATIENTLY).toEqual({ waiting: 0, active: 0, delayed: 0, prioritized: 0 });
  },
);
