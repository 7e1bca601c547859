import { join } from 'node:path';
import { type AlertQueue, openAlertQueue } from '#redis/queue.ts';
import { type RedisServer, startRedisServer } from '#test/harness/redis.ts';
import type { Exit } from '#test/harness/service.ts';
import { createStack } from '#test/harness/stack.ts';
import { startTcpProxy, type TcpProxy } from '#test/harness/tcp-proxy.ts';
import { openStackDatabase, type StackDatabase } from './database.ts';
import type { Backend } from './faults.ts';
import { type History, noteLine } from './history.ts';
import { type Part, toPart } from './part.ts';

export type StackOptions = {
  backend: Backend;
  /** For data; the caller removes it. */
  folder: string;
  /** Where the log of each process is kept; undefined: nowhere. */
  logs: string | undefined;
  ledger: History;
};

/** The processes of a whole stack on free ports of 127.0.0.1. */
export type Stack = {
  backend: Backend;
  apis: [Part, Part];
  workers: [Part, Part];
  window: Part;
  redis: Part | undefined;
  database: StackDatabase;
  /** Origins of the apis. */
  doors: [string, string];
  /** The connections to the queue pass through it. */
  queueProxy: TcpProxy;
  /** The port of Redis itself; 0 on PostgreSQL. */
  redisPort: number;
  /** Returns a client of the queue that does not use the proxy. */
  openQueue(): AlertQueue;
  /** Deletes everything in the queue. */
  flushQueue(): Promise<void>;
};

type Opened = { close(): Promise<void> }[];

/**
 * Opens database and queue, and puts what is to be closed into `opened`, last first. Apis, workers and file server do not
 * run yet. Throws one sentence if a program is missing on this machine.
 */
export async function openStack(options: StackOptions, opened: Opened): Promise<Stack> {
  const { backend, folder, logs, ledger } = options;
  const database = await openStackDatabase(join(folder, 'postgres'));
  opened.unshift(database);
  const redis = backend === 'redis' ? await openRedis(options, opened) : undefined;
  const stack = await createStack({
    backend,
    apis: 2,
    workers: 2,
    supervised: true,
    database: {
      get url() {
        return database.directUrl();
      },
      urlFor: database.urlFor,
    },
    ...(redis && { redis: redis.server, queueUrl: `redis://127.0.0.1:${redis.proxy.port}` }),
    env: { LOG_LEVEL: logs === undefined ? 'warn' : 'info' },
    logs,
    onLine: (line, processName) => noteLine(ledger, line, processName),
    onExit: (exit) => noteExit(ledger, exit),
  });
  opened.unshift(stack);
  const queueUrl = () => redis?.server.url ?? database.directUrl();
  return {
    backend,
    database,
    apis: pairOf(stack.apis.map(toPart)),
    workers: pairOf(stack.workers.map(toPart)),
    window: toPart(defined(stack.videoServer)),
    redis: redis && toPart(redis.server.service),
    redisPort: redis?.server.port ?? 0,
    doors: pairOf(stack.apiUrls),
    queueProxy: redis?.proxy ?? database.proxy,
    openQueue: () => openAlertQueue(queueUrl(), () => {}),
    async flushQueue() {
      if (redis) await redis.server.send('FLUSHALL');
      else await database.direct().$executeRaw`TRUNCATE bullmq.job CASCADE`;
    },
  };
}

type Redis = { server: RedisServer; proxy: TcpProxy };

async function openRedis({ folder, logs, ledger }: StackOptions, opened: Opened): Promise<Redis> {
  const server = await startRedisServer({
    folder: join(folder, 'redis'),
    fsync: 'everysec',
    supervised: true,
    logFile: logs && join(logs, 'redis.log'),
    onExit: (exit) => noteExit(ledger, exit),
  });
  opened.unshift({ close: server.stop });
  const proxy = await startTcpProxy(server.port);
  opened.unshift(proxy);
  return { server, proxy };
}

function noteExit({ exits }: History, { process, at, sent, how, lastLines }: Exit): void {
  exits.push({ by: process, at, asked: sent, how, lastWords: lastLines });
}

function pairOf<T>([first, second]: T[]): [T, T] {
  return [defined(first), defined(second)];
}

function defined<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the stack lacks a service');
  return value;
}
