import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { addPending, findAlert } from '#prisma/alerts.ts';
import { type Database, openDatabase } from '#prisma/client.ts';
import { migrateQueue } from '#redis/migrate.ts';
import { type AlertQueue, openAlertQueue } from '#redis/queue.ts';
import { startRedisServer } from '#test/harness/redis.ts';
import { createTestDatabase, type TestDatabase } from '#test/harness/test-database.ts';
import { until } from '#test/harness/until.ts';
import { startVideoServer, type VideoServer } from '#test/harness/video-server.ts';
import { isFinal, type Run, running, start } from '#test/harness/worker-process.ts';
import { FIXTURES } from './test-worker.ts';

afterEach(async () => {
  for (const child of running) child.kill('SIGKILL');
});

describe('a worker process on postgres', () => workerProcess('postgres'));
describe.skipIf(inject('redisUrl') === null)('a worker process on redis', () => workerProcess('redis'));

function workerProcess(backend: 'postgres' | 'redis') {
  let database: TestDatabase;
  let db: Database;
  let queue: AlertQueue;
  let videos: VideoServer;
  let env: Record<string, string>;
  let stopBackend = async () => {};

  beforeAll(async () => {
    database = await createTestDatabase();
    let queueUrl = database.url;
    if (backend === 'redis') {
      const redis = await startRedisServer();
      stopBackend = redis.stop;
      queueUrl = redis.url;
    }
    await migrateQueue(queueUrl);
    db = openDatabase(database.url, { poolSize: 2, onError: () => {} });
    queue = openAlertQueue(queueUrl, () => {});
    videos = await startVideoServer({ root: FIXTURES });
    env = { DATABASE_URL: database.url, QUEUE_URL: queueUrl, VIDEO_SERVER: videos.origin, FETCH_TIMEOUT_MS: '60000' };
  });

  afterAll(async () => {
    await queue?.close();
    await db?.$disconnect();
    await videos?.close();
    await stopBackend();
    await database?.drop();
  });

  async function send(video: string): Promise<string> {
    const uuid = randomUUID();
    await addPending(db, { uuid, video, store: uuid, timestamp: 1, requestId: 'r' });
    await queue.enqueue({ uuid, requestId: 'r' });
    return uuid;
  }
  const row = (uuid: string) => findAlert(db, uuid);
  const notifications = (runs: Run[], uuid: string) =>
    runs.flatMap(({ lines }) => lines).filter((line) => line.startsWith(`[Notification] Store: ${uuid} |`));

  it('killed in mid-job, its alert is finished once after the restart', async () => {
    const uuid = await send('/silent-once/h264.mp4');
    const first = start(env);
    await until(() => videos.requests.some(({ path }) => path.startsWith('/silent-once/')));
    first.child.kill('SIGKILL');
    expect(await first.ended).toBe('SIGKILL');
    expect(await row(uuid)).toMatchObject({ status: 'processing', attempts: 1 });
    const second = start(env);
    const alert = await until(async () => isFinal(await row(uuid)));
    expect(alert).toMatchObject({ status: 'processed', resolution: '320x180', attempts: 2 });
    second.child.kill('SIGTERM');
    expect(await second.ended).toBe('0');
    expect(notifications([first, second], uuid)).toHaveLength(1);
  }, 60_000);

  it('told to stop, lets the running job go back after its grace, without using up an attempt', async () => {
    const uuid = await send('/silent/h264.mp4');
    const worker = start(env);
    await until(() => videos.requests.some(({ path }) => path.startsWith('/silent/')));
    worker.child.kill('SIGTERM');
    expect(await worker.ended).toBe('0');
    expect(await row(uuid)).toMatchObject({ status: 'pending', attempts: 0 });
    expect(notifications([worker], uuid)).toEqual([]);
    await db.alert.delete({ where: { uuid } });
  }, 60_000);

  it('tries a video server that is down again, with growing delays, until it is back', async () => {
    const { origin } = videos;
    const worker = start(env);
    await videos.close();
    const uuid = await send('/right/vp9.webm');
    const tries = () =>
      worker.lines.flatMap((line) => {
        const { alert, time, msg } = line.startsWith('{') ? JSON.parse(line) : {};
        return alert === uuid && msg === 'attempt failed, will retry' ? [time] : [];
      });
    await until(() => tries().length >= 3);
    videos = await startVideoServer({ root: FIXTURES, port: Number(new URL(origin).port) });
    const alert = await until(async () => isFinal(await row(uuid)));
    expect(alert).toMatchObject({ status: 'processed', container: 'webm' });
    const [first, second, third] = tries();
    // 1 s and 2 s, each up to a quarter shorter.
    expect(second - first).toBeGreaterThanOrEqual(700);
    expect(third - second).toBeGreaterThanOrEqual(1_450);
    worker.child.kill('SIGTERM');
    await worker.ended;
  }, 60_000);
}

describe('a worker that cannot start', () => {
  it('names every fault of its configuration at once and never a value', async () => {
    const worker = start({
      DATABASE_URL: 'mysql://u:hush@h/d',
      WORKER_CONCURRENCY: '0',
      MAX_ATTEMPTS: 'x',
      TZ: 'Mars',
    });
    expect(await worker.ended).toBe('1');
    const told = worker.lines.join('\n');
    for (const name of ['DATABASE_URL', 'WORKER_CONCURRENCY', 'MAX_ATTEMPTS', 'TZ']) expect(told).toContain(`${name}:`);
    expect(told).not.toContain('hush');
  });

  it('on a database without migrations says what to do', async () => {
    const empty = await createTestDatabase({ empty: true });
    const worker = start({ DATABASE_URL: empty.url });
    expect(await worker.ended).toBe('1');
    expect(worker.lines.join('\n')).toMatch(
      /^The worker cannot start: the database lacks the migration.+npm run migrate/m,
    );
    await empty.drop();
  });
});
