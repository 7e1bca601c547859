import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import { inject, type TestContext } from 'vitest';
import { type RedisServer, startRedisServer } from '#test/harness/redis.ts';
import { startTcpProxy } from '#test/harness/tcp-proxy.ts';
import type { AlertJob } from '../contract.ts';
import { migrateQueue } from '../migrate.ts';
import { type AlertConsumer, type AlertQueue, consumeAlerts, type Handler, openAlertQueue } from '../queue.ts';

/** The contract holds on both. `missing`: there is none here, skip the suite. */
export const BACKENDS = [
  { backend: 'redis', missing: inject('redisCommand') === null },
  { backend: 'postgres', missing: false },
] as const;

type Backend = (typeof BACKENDS)[number]['backend'];

/** The state of a job that is done: PostgreSQL's are not kept. */
export const DONE = { redis: 'completed', postgres: 'unknown' } as const;

/** A backend of the test's own, behind a proxy, which goes away and comes back on request. */
export type Server = {
  url: string;
  /** Connections are cut, new ones refused; on Redis its server is killed too. */
  away(): Promise<void>;
  back(): Promise<void>;
  /** Connections are cut, new ones as soon as they are made, until `accept`. */
  drop(): void;
  accept(): Promise<void>;
  /** Connections stay, nothing is answered. */
  freeze(): void;
  /** New connections are answered; the frozen ones never are. */
  thaw(): void;
  /** Nothing the queue knew is left. */
  wipe(): Promise<void>;
};

export type World = Server & {
  /** What the ends told their onError. */
  errors: Error[];
  queue: AlertQueue;
  consume(handler: Handler, concurrency?: number): AlertConsumer;
};

type Finish = Pick<TestContext, 'onTestFinished'>;

/** All that one test needs; closed when it ends, the ends of the queue before the backend. */
export async function openWorld(backend: Backend, test: Finish): Promise<World> {
  const server = await openServer(backend, test);
  return { ...server, ...openEnds(server.url, test) };
}

/** The backend alone. */
export function openServer(backend: Backend, test: Finish): Promise<Server> {
  return backend === 'redis' ? openRedis(test) : openPostgres(test);
}

/** As openWorld, with the ends opened while the backend is away. */
export async function openWorldAway(backend: Backend, test: Finish): Promise<World> {
  const server = await openServer(backend, test);
  await server.away();
  return { ...server, ...openEnds(server.url, test) };
}

export function newJob(): AlertJob {
  return { uuid: randomUUID(), requestId: `test-${randomUUID()}` };
}

function openEnds(url: string, test: Finish): Pick<World, 'errors' | 'queue' | 'consume'> {
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

async function openRedis(test: Finish): Promise<Server> {
  const dir = await mkdtemp(join(tmpdir(), 'redis-world-'));
  const command = inject('redisCommand') ?? undefined;
  let server: RedisServer = await startRedisServer({ folder: dir, command });
  const { port } = server;
  const proxy = await startTcpProxy(port);
  test.onTestFinished(async () => {
    await proxy.close();
    await server.stop();
    await rm(dir, { recursive: true });
  });
  return {
    ...proxy,
    url: `redis://127.0.0.1:${proxy.port}`,
    async away() {
      await proxy.refuse();
      await server.kill();
    },
    async back() {
      server = await startRedisServer({ folder: dir, port, command });
      await proxy.accept();
    },
    async wipe() {
      const redis = new Redis(server.url);
      await redis.flushall().finally(() => redis.disconnect());
    },
  };
}

async function openPostgres(test: Finish): Promise<Server> {
  const admin = inject('postgresUrl');
  const name = `queue_${randomUUID().replaceAll('-', '')}`;
  await run(admin, `CREATE DATABASE ${name} TEMPLATE template0`);
  const direct = new URL(admin);
  direct.pathname = `/${name}`;
  await migrateQueue(direct.href);
  const proxy = await startTcpProxy(Number(direct.port || 5432));
  test.onTestFinished(async () => {
    await proxy.close();
    await run(admin, `DROP DATABASE ${name} WITH (FORCE)`);
  });
  const url = new URL(direct);
  url.hostname = '127.0.0.1';
  url.port = String(proxy.port);
  return {
    ...proxy,
    url: url.href,
    away: proxy.refuse,
    back: proxy.accept,
    wipe: () => run(direct.href, 'TRUNCATE bullmq.job CASCADE'),
  };
}

export async function run(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(sql).finally(() => client.end());
}
