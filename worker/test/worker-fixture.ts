import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { type TestContext, vi } from 'vitest';
import { type Alert, addPending, findAlert } from '#prisma/alerts.ts';
import { type Database, openDatabase } from '#prisma/client.ts';
import { type AlertQueue, openAlertQueue } from '#redis/queue.ts';
import { type Process, startProcess } from '#test/harness/process.ts';
import { type RedisServer, startRedisServer } from '#test/harness/redis.ts';
import { startTcpProxy, type TcpProxy } from '#test/harness/tcp-proxy.ts';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { startVideoServer, type VideoServer } from '#test/harness/video-server.ts';

export const FIXTURES = join(import.meta.dirname, '../video/test/fixtures');

/** For `vi.waitFor`. Generous: the machine may be busy. */
export const PATIENTLY = { timeout: 300_000, interval: 50 };

export type WorkerFixture = {
  databaseUrl: string;
  db: Database;
  queue: AlertQueue;
  redis: RedisServer | undefined;
  videos: VideoServer;
  /** In front of PostgreSQL and Redis; only the workers connect through them. */
  proxies: { database: TcpProxy; redis: TcpProxy };
  /** Starts a worker process without waiting for it. `nodeArgs` are options for Node. */
  startWorker(env?: Record<string, string>, nodeArgs?: string[]): Process;
  /** Inserts an overdue alert without a job: only the reconciler enqueues it. */
  insert(video: string): Promise<string>;
  /** Inserts an alert and enqueues its job. The uuid is also the store unless one is given. */
  send(video: string, store?: string): Promise<string>;
  row(uuid: string): Promise<Alert>;
  waitUntilNotified(uuid: string): Promise<Alert>;
  /** Waits until the video server has received a request with this prefix. */
  waitForRequest(path: string): Promise<void>;
  /** The notifications printed by all workers for this store. */
  notifications(store: string): string[];
};

/**
 * Opens a database, a queue and a misbehaving video server for worker processes. Everything is closed when the test of
 * this context finishes, so that tests can run concurrently.
 */
export async function openWorkerFixture(
  { onTestFinished }: Pick<TestContext, 'onTestFinished'>,
  backend: 'postgres' | 'redis' = 'postgres',
): Promise<WorkerFixture> {
  const closers: (() => Promise<unknown>)[] = [];
  onTestFinished(async () => {
    for (const close of closers.reverse()) await close();
  }, 60_000);
  const servers = await openServers(backend, closers);
  const { db, queue, videos } = servers;
  const workers: Process[] = [];
  closers.push(() => Promise.all(workers.map((worker) => worker.kill())));
  const row = async (uuid: string) => {
    const alert = await findAlert(db, uuid);
    if (!alert) throw new Error(`no row ${uuid}`);
    return alert;
  };
  return {
    ...servers,
    row,
    startWorker(env = {}, nodeArgs = []) {
      const options = { entry: 'worker/index.ts', env: { ...workerEnv(servers), ...env }, nodeArgs };
      const worker = startProcess({ name: 'worker', ...options });
      workers.push(worker);
      return worker;
    },
    async insert(video) {
      const uuid = randomUUID();
      await addPending(db, { uuid, video, store: uuid, timestamp: 1, requestId: 'r' });
      await db.alert.update({ where: { uuid }, data: { updatedAt: new Date(Date.now() - 60_000) } });
      return uuid;
    },
    async send(video, store) {
      const uuid = randomUUID();
      const key = { uuid, requestId: 'r', store: store ?? uuid };
      await addPending(db, { ...key, video, timestamp: 1 });
      // On a busy machine the queue may not respond in time; the api would leave the job to the reconciler.
      await vi.waitFor(() => queue.enqueue(key), PATIENTLY);
      return uuid;
    },
    waitUntilNotified: (uuid) =>
      vi.waitFor(async () => {
        const alert = await row(uuid);
        if (!alert.notifiedAt) throw new Error(`alert ${uuid} is ${alert.status} and not notified`);
        return alert;
      }, PATIENTLY),
    waitForRequest: (path) =>
      vi.waitFor(() => {
        if (!videos.requests.some((request) => request.path.startsWith(path)))
          throw new Error(`no request for ${path}`);
      }, PATIENTLY),
    notifications: (store) =>
      workers.flatMap(({ lines }) => lines).filter((line) => line.startsWith(`[Notification] Store: ${store} |`)),
  };
}

type Servers = Pick<WorkerFixture, 'databaseUrl' | 'db' | 'queue' | 'redis' | 'videos' | 'proxies'>;

async function openServers(backend: 'postgres' | 'redis', closers: (() => Promise<unknown>)[]): Promise<Servers> {
  const database = await createTestDatabase({ queue: backend === 'postgres' });
  closers.push(database.drop);
  const redis = backend === 'redis' ? await startRedisServer() : undefined;
  if (redis) closers.push(redis.stop);
  const queueUrl = redis?.url ?? database.url;
  const db = openDatabase(database.url, { poolSize: 2, onError: () => {} });
  closers.push(() => db.$disconnect());
  const queue = openAlertQueue(queueUrl, () => {});
  closers.push(queue.close);
  const videos = await startVideoServer({ root: FIXTURES });
  closers.push(videos.close);
  const databasePort = Number(new URL(database.url).port);
  const proxies = { database: await startTcpProxy(databasePort), redis: await startTcpProxy(redis?.port) };
  closers.push(proxies.database.close, proxies.redis.close);
  return { databaseUrl: database.url, db, queue, redis, videos, proxies };
}

function workerEnv({ databaseUrl, redis, proxies, videos }: Servers): Record<string, string> {
  const DATABASE_URL = withPort(databaseUrl, proxies.database.port);
  const QUEUE_URL = redis ? withPort(redis.url, proxies.redis.port) : DATABASE_URL;
  return { DATABASE_URL, QUEUE_URL, VIDEO_SERVER: videos.origin, OPS_PORT: 'off' };
}

function withPort(url: string, port: number): string {
  const changed = new URL(url);
  changed.port = `${port}`;
  return changed.href;
}
