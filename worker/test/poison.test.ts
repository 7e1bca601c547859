import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { addPending, findAlert } from '#prisma/alerts.ts';
import { openDatabase } from '#prisma/client.ts';
import { migrateQueue } from '#redis/migrate.ts';
import { openAlertQueue } from '#redis/queue.ts';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { until } from '#test/harness/until.ts';
import { startVideoServer } from '#test/harness/video-server.ts';
import { isFinal, running, start } from '#test/harness/worker-process.ts';
import { FIXTURES } from './test-worker.ts';

afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
});

describe('a video that kills its worker', () => {
  it('fails as worker_crashed, and takes no other alert down with it', async () => {
    const database = await createTestDatabase();
    await migrateQueue(database.url);
    const db = openDatabase(database.url, { poolSize: 2, onError: () => {} });
    const queue = openAlertQueue(database.url, () => {});
    const videos = await startVideoServer({ root: FIXTURES });
    const send = async (video: string) => {
      const uuid = randomUUID();
      await addPending(db, { uuid, video, store: 'store', timestamp: 1, requestId: 'r' });
      await queue.enqueue({ uuid, requestId: 'r' });
      return uuid;
    };
    const env = {
      DATABASE_URL: database.url,
      VIDEO_SERVER: videos.origin,
      MAX_CRASHES: '3',
      FETCH_TIMEOUT_MS: '60000',
    };
    // The innocent take their time, so that they are always in the worker's hands when the poison kills it.
    const innocent = await Promise.all(Array.from({ length: 5 }, () => send('/late/h264.mp4')));
    const poison = await send('/silent/h264.mp4');
    let killed = 0;
    let worker = start(env);
    let asked = 0;
    await until(async () => {
      const now = videos.requests.filter(({ path }) => path.startsWith('/silent/')).length;
      if (now > asked && killed < 3) {
        asked = now;
        killed += 1;
        worker.child.kill('SIGKILL');
        await worker.ended;
        worker = start(env);
      }
      return isFinal(await findAlert(db, poison));
    }, 100);
    expect(killed).toBe(3);
    expect(await findAlert(db, poison)).toMatchObject({ status: 'failed', failureCode: 'worker_crashed' });
    for (const uuid of innocent) {
      const alert = await until(async () => isFinal(await findAlert(db, uuid)));
      expect(alert).toMatchObject({ status: 'processed', resolution: '320x180' });
      expect(alert.attempts).toBeLessThanOrEqual(2);
    }
    worker.child.kill('SIGTERM');
    expect(await worker.ended).toBe('0');
    await queue.close();
    await db.$disconnect();
    await videos.close();
    await database.drop();
  }, 120_000);
});
