import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import { inject, type TestContext } from 'vitest';
import { type RedisServer, startRedisServer } from '#test/harness/redis.ts';
import { startTcpProxy } from '#test/harness/tcp-proxy.ts';
import { createTestDatabase } from '#test/harness/test-database.ts';
import type { AlertJob } from '../contract.ts';
import { type AlertConsumer, type AlertQueue, consumeAlerts, type Handler, openAlertQueue } from '../queue.ts';

/** Both backends of the queue. `missing`: its program is not installed, skip the suite. */
export const BACKENDS = [
  { name: 'redis', missing: inject('redisCommand') === null },
  { name: 'postgres', missing: false },
] as const;

type BackendName = (typeof BACKENDS)[number]['name'];

/** The state of a completed job: PostgreSQL does not keep it. */
export const COMPLETED = { redis: 'completed', postgres: 'unknown' } as const;

/** A backend for one test, behind a proxy that makes it fail on request. */
export type TestBackend = {
  url: string;
  /** Cuts all connections and refuses new ones; on Redis the server is killed too. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Cuts all connections, and new ones as soon as they are open, until `accept`. */
  drop(): void;
  accept(): Promise<void>;
  /** Keeps all connections but forwards nothing. */
  freeze(): void;
  /** Forwards new connections; frozen ones stay silent. */
  thaw(): void;
  /** Deletes everything in the queue. */
  clear(): Promise<void>;
};

export type QueueFixture = TestBackend & {
  /** What producer and consumers passed to onError. */
  errors: Error[];
  queue: AlertQueue;
  consume(handler: Handler, concurrency?: number): AlertConsumer;
};

type Test = Pick<TestContext, 'onTestFinished'>;

/** Opens a backend and a producer. When the test ends, producer and consumers close before the backend. */
export async function openFixture(backend: BackendName, test: Test): Promise<QueueFixture> {
  const opened = await openBackend(backend, test);
  return { ...opened, ...openClients(opened.url, test) };
}

/** The same, but the backend is stopped before the producer is opened. */
export async function openStoppedFixture(backend: BackendName, test: Test): Promise<QueueFixture> {
  const opened = await openBackend(backend, test);
  await opened.stop();
  return { ...opened, ...openClients(opened.url, test) };
}

export function openBackend(backend: BackendName, test: Test): Promise<TestBackend> {
  return backend === 'redis' ? openRedis(test) : openPostgres(test);
}

/** Returns a job of a store of its own, unless `store` is given. */
export function newJob(store: string = randomUUID()): AlertJob {
  return { uuid: randomUUID(), requestId: `test-${randomUUID()}`, store };
}

function openClients(url: string, test: Test): Pick<QueueFixture, 'errors' | 'queue' | 'consume'> {
  const errors: Error[] = [];
  const onError = (error: Error) => void errors.push(error);
  const queue = openAlertQueue(url, onError);
  test.onTestFinished(() => queue.close());
  return {
    errors,
    queue,
    consume(handler, concurrency = 4) {
      const consumer = consumeAlerts(url, handler, { concurrency, onError });
      test.onTestFinished(() => consumer.close(0));
      return consumer;
    },
  };
}

async function openRedis(test: Test): Promise<TestBackend> {
  const folder = await mkdtemp(join(tmpdir(), 'redis-test-'));
  const command = inject('redisCommand') ?? undefined;
  let server: RedisServer = await startRedisServer({ folder, command });
  const { port } = server;
  const proxy = await startTcpProxy(port);
  test.onTestFinished(async () => {
    await proxy.close();
    await server.stop();
    await rm(folder, { recursive: true });
  });
  return {
    ...proxy,
    url: `redis://127.0.0.1:${proxy.port}`,
    async stop() {
      await proxy.refuse();
      await server.kill();
    },
    async start() {
      server = await startRedisServer({ folder, port, command });
      await proxy.accept();
    },
    async clear() {
      const redis = new Redis(server.url);
      await redis.flushall().finally(() => redis.disconnect());
    },
  };
}

async function openPostgres(test: Test): Promise<TestBackend> {
  const database = await createTestDatabase({ queue: true });
  test.onTestFinished(database.drop);
  const direct = new URL(database.url);
  const proxy = await startTcpProxy(Number(direct.port || 5432));
  test.onTestFinished(() => proxy.close());
  const url = new URL(direct);
  url.hostname = '127.0.0.1';
  url.port = String(proxy.port);
  return {
    ...proxy,
    url: url.href,
    stop: proxy.refuse,
    start: proxy.accept,
    clear: () => runSql(direct.href, 'TRUNCATE bullmq.job CASCADE'),
  };
}

/** Creates an empty database, which is dropped when the test ends, and returns its URL. */
export async function createDatabase(test: Test): Promise<string> {
  const database = await createTestDatabase({ empty: true });
  test.onTestFinished(database.drop);
  return database.url;
}

export async function runSql(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(sql).finally(() => client.end());
}
