import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { addPending, findAlert } from '#prisma/alerts.ts';
import { type Database, openDatabase } from '#prisma/client.ts';
import { openAlertQueue } from '#redis/queue.ts';
import { type RedisServer, startRedisServer } from '#test/harness/redis.ts';
import { startTcpProxy, type TcpProxy } from '#test/harness/tcp-proxy.ts';
import { createTestDatabase, type TestDatabase } from '#test/harness/test-database.ts';
import { until } from '#test/harness/until.ts';
import { startVideoServer, type VideoServer } from '#test/harness/video-server.ts';
import { isFinal, type Run, running, start } from '#test/harness/worker-process.ts';
import { FIXTURES } from './test-worker.ts';

/** Work goes on by itself this soon after the part is back. */
const RESUME_S = 15;

let database: TestDatabase;
let db: Database;
let redis: RedisServer;
let toDatabase: TcpProxy;
let toRedis: TcpProxy;
let videos: VideoServer;
let opsPort: number;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no TCP port');
  return address.port;
}

function startWorker(): Run {
  const url = new URL(database.url);
  url.port = `${toDatabase.port}`;
  return start({
    DATABASE_URL: url.href,
    QUEUE_URL: `redis://127.0.0.1:${toRedis.port}`,
    VIDEO_SERVER: videos.origin,
    OPS_PORT: `${opsPort}`,
  });
}

async function checks(): Promise<Record<string, string>> {
  const answer = await fetch(`http://127.0.0.1:${opsPort}/readyz`);
  const { checks: told } = (await answer.json()) as { checks: Record<string, string> }; // the form ops.ts answers
  return told;
}
const ready = async () =>
  Object.values(await checks().catch(() => ({ worker: 'away' }))).every((told) => told === 'ok');

/** Stores an alert as the api does with its queue away: the reconciler is the only one who can send it. */
async function add(video = '/right/h264.mp4'): Promise<string> {
  const uuid = randomUUID();
  await addPending(db, { uuid, video, store: uuid, timestamp: 1, requestId: 'r' });
  await db.alert.update({ where: { uuid }, data: { updatedAt: new Date(Date.now() - 60_000) } });
  return uuid;
}
const processed = (uuid: string) =>
  until(async () => isFinal(await findAlert(db, uuid)), RESUME_S).then(({ status }) =>
    expect(status).toBe('processed'),
  );

describe.skipIf(inject('redisUrl') === null)('a worker process', () => {
  beforeEach(async () => {
    database = await createTestDatabase();
    db = openDatabase(database.url, { poolSize: 2, onError: () => {} });
    redis = await startRedisServer();
    toDatabase = await startTcpProxy(Number(new URL(database.url).port));
    toRedis = await startTcpProxy(redis.port);
    videos = await startVideoServer({ root: FIXTURES });
    opsPort = await freePort();
  });
  afterEach(async () => {
    for (const child of running) child.kill('SIGKILL');
    await toRedis.close();
    await toDatabase.close();
    await redis.stop();
    await videos.close();
    await db.$disconnect();
    await database.drop();
  });

  type Outage = [what: string, part: string, away: () => unknown, back: () => unknown];
  const outages: Outage[] = [
    ['PostgreSQL restarts', 'database', () => toDatabase.refuse(), () => toDatabase.accept()],
    ['PostgreSQL falls silent', 'database', () => toDatabase.freeze(), () => toDatabase.thaw()],
    ['Redis restarts', 'queue', () => toRedis.refuse(), () => toRedis.accept()],
    ['Redis falls silent', 'queue', () => toRedis.freeze(), () => toRedis.thaw()],
  ];

  it.each(outages)('%s: names the %s, stays alive, goes on by itself', async (_what, part, away, back) => {
    const worker = startWorker();
    await until(ready);
    await processed(await add());
    await away();
    await until(async () => (await checks())[part] !== 'ok');
    expect((await fetch(`http://127.0.0.1:${opsPort}/livez`)).status).toBe(200);
    const meanwhile = await add();
    await back();
    await processed(meanwhile);
    expect(await until(ready, RESUME_S)).toBe(true);
    expect(worker.child.exitCode).toBeNull();
    worker.child.kill('SIGTERM');
    expect(await worker.ended).toBe('0');
  });

  it('with Redis down at its start waits for it, and goes on by itself', async () => {
    await toRedis.refuse();
    const worker = startWorker();
    await until(async () => (await checks().catch(() => ({ queue: 'ok' }))).queue !== 'ok');
    const uuid = await add();
    await toRedis.accept();
    await processed(uuid);
    expect(worker.child.exitCode).toBeNull();
  });

  it('whose database connections are all cut goes on by itself', async () => {
    const worker = startWorker();
    await until(ready);
    await db.$queryRaw`SELECT count(pg_terminate_backend(pid))::int FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid()`;
    await processed(await add());
    expect(worker.child.exitCode).toBeNull();
  });

  it('frozen past its lock changes and tells nothing when it wakes up after its successor', async () => {
    const frozen = startWorker();
    await until(ready);
    const uuid = await add('/late/h264.mp4');
    await until(() => videos.requests.length === 1);
    frozen.child.kill('SIGSTOP');
    opsPort = await freePort();
    const successor = startWorker();
    const final = await until(async () => isFinal(await findAlert(db, uuid)), 30);
    expect(final).toMatchObject({ status: 'processed', attempts: 2 });
    frozen.child.kill('SIGCONT');
    const woken = /"msg":"(alert handled|attempt aborted[^"]*)"/;
    const line = await until(() => frozen.lines.find((text) => text.includes(uuid) && woken.test(text)));
    expect(line).not.toContain('"outcome":"processed"');
    expect(await findAlert(db, uuid)).toEqual(final);
    const told = [...frozen.lines, ...successor.lines].filter((text) =>
      text.startsWith(`[Notification] Store: ${uuid}`),
    );
    expect(told).toHaveLength(1);
  });

  it('whose queue is wiped with alerts waiting has them all processed', async () => {
    const worker = startWorker();
    await until(ready);
    worker.child.kill('SIGSTOP');
    const queue = openAlertQueue(redis.url, () => {});
    const uuids = await Promise.all(Array.from({ length: 20 }, () => add()));
    expect(await queue.enqueueAgain(uuids.map((uuid) => ({ uuid, requestId: 'r' })))).toBe(20);
    await queue.close();
    execFileSync('redis-cli', ['-p', `${redis.port}`, 'FLUSHALL']);
    worker.child.kill('SIGCONT');
    for (const uuid of uuids) await processed(uuid);
  });
});
