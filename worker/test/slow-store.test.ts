import { randomUUID } from 'node:crypto';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { addPending, findAlert } from '#prisma/alerts.ts';
import { openDatabase } from '#prisma/client.ts';
import { migrateQueue } from '#redis/migrate.ts';
import { openAlertQueue } from '#redis/queue.ts';
import { startRedisServer } from '#test/harness/redis.ts';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { until } from '#test/harness/until.ts';
import { startVideoServer } from '#test/harness/video-server.ts';
import { isFinal, start } from '#test/harness/worker-process.ts';
import { FIXTURES } from './test-worker.ts';

const SLOTS = 10;
/** Longer than the test: its attempts never end by themselves. */
const FOR_EVER_MS = 60_000;
/** One second, that jobs of the slow store wait in vain, and room for a loaded machine. Without shares: FOR_EVER_MS. */
const BOUND_MS = 20_000;

describe('on postgres', () => slowStore('postgres'));
describe.skipIf(inject('redisUrl') === null)('on redis', () => slowStore('redis'));

function slowStore(backend: 'postgres' | 'redis') {
  it('a store whose videos never come does not hold up the others', async () => {
    const { send, db } = await openStack(backend);
    const slow = await Promise.all(Array.from({ length: 4 * SLOTS }, () => send('slow', '/silent/h264.mp4')));
    const processing = () => db.alert.count({ where: { status: 'processing' } });
    await until(async () => (await processing()) === 8, 60);
    const began = performance.now();
    const others = await Promise.all(Array.from({ length: 30 }, (_, n) => send(`other ${n % 3}`, '/right/h264.mp4')));
    await Promise.all(others.map((uuid) => until(async () => isFinal(await findAlert(db, uuid)), 60)));
    expect(performance.now() - began).toBeLessThan(BOUND_MS);
    expect(await processing()).toBe(8);
    const rows = await Promise.all(slow.map((uuid) => findAlert(db, uuid)));
    // Those beyond the share were sent away before they were touched.
    expect(rows.filter((row) => row?.status === 'pending' && row.attempts === 0)).toHaveLength(4 * SLOTS - 8);
  }, 90_000);
}

async function openStack(backend: 'postgres' | 'redis') {
  const database = await createTestDatabase();
  onTestFinished(database.drop);
  let queueUrl = database.url;
  if (backend === 'redis') {
    const redis = await startRedisServer();
    onTestFinished(redis.stop);
    queueUrl = redis.url;
  }
  await migrateQueue(queueUrl);
  const db = openDatabase(database.url, { poolSize: 2, onError: () => {} });
  onTestFinished(() => db.$disconnect());
  const queue = openAlertQueue(queueUrl, () => {});
  onTestFinished(() => queue.close());
  const videos = await startVideoServer({ root: FIXTURES });
  onTestFinished(() => videos.close());
  const worker = start({
    DATABASE_URL: database.url,
    QUEUE_URL: queueUrl,
    VIDEO_SERVER: videos.origin,
    WORKER_CONCURRENCY: String(SLOTS),
    FETCH_TIMEOUT_MS: String(FOR_EVER_MS),
  });
  onTestFinished(async () => {
    worker.child.kill('SIGKILL');
    await worker.ended;
  });
  return {
    db,
    async send(store: string, video: string): Promise<string> {
      const uuid = randomUUID();
      await addPending(db, { uuid, video, store, timestamp: 1, requestId: 'r' });
      await queue.enqueue({ uuid, requestId: 'r', store });
      return uuid;
    },
  };
}
