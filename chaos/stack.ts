import { join } from 'node:path';
import { type AlertQueue, openAlertQueue } from '#redis/queue.ts';
import { mediaSettings } from '#test/harness/media.ts';
import { type RedisServer, startRedisServer } from '#test/harness/redis.ts';
import type { Service } from '#test/harness/service.ts';
import { createStack } from '#test/harness/stack.ts';
import { startTcpProxy, type TcpProxy } from '#test/harness/tcp-proxy.ts';
import { openStackDatabase, type StackDatabase } from './database.ts';
import { DESTINATION_SETTINGS, type Destinations, openDestinations } from './destinations.ts';
import type { Backend } from './faults.ts';
import { type DestinationFilter, type History, recordNotification } from './history.ts';

export type ChaosStackOptions = {
  backend: Backend;
  /** For data. The caller removes it. */
  folder: string;
  /** A folder for the log of each service. */
  logs: string | undefined;
  history: History;
  /** Default: on. */
  pictures?: 'on' | 'off';
  /** Default: none. */
  destinations?: DestinationFilter[];
};

/** A stack with two apis and two workers whose processes are supervised, with proxies in front of database and queue. */
export type ChaosStack = {
  backend: Backend;
  apis: [Service, Service];
  workers: [Service, Service];
  fileServer: Service;
  /** Origins of the apis. */
  apiOrigins: [string, string];
  database: StackDatabase;
  /** Their receivers run. The scenario creates them when an api runs. */
  destinations: Destinations;
  /** Undefined if the queue is on PostgreSQL. */
  redis: RedisServer | undefined;
  /** Where Redis keeps its data. */
  redisFolder: string;
  /** Where the workers store pictures. */
  mediaFolder: string;
  /** The proxy in front of the queue. */
  queueProxy: TcpProxy;
  /** Returns a client of the queue that does not use the proxy. */
  openQueue(): AlertQueue;
  /** Deletes everything in the queue. */
  flushQueue(): Promise<void>;
};

export type Opened = { close(): Promise<void> }[];

/**
 * Starts database and queue, and adds what has to be closed to `opened`, last opened first. Apis, workers and file server
 * do not run yet. Throws one sentence if a program is not installed.
 */
export async function openStack(options: ChaosStackOptions, opened: Opened): Promise<ChaosStack> {
  const { backend, folder, logs, history } = options;
  const redis = backend === 'redis' ? await openRedis(options, opened) : undefined;
  const database = await openStackDatabase(join(folder, 'postgres'));
  opened.unshift(database);
  const stack = await createStack({
    backend,
    apis: 2,
    workers: 2,
    supervised: true,
    blockableWorkers: true,
    database: {
      get url() {
        return database.directUrl();
      },
      urlFor: database.urlFor,
    },
    ...(redis && { redis: redis.server, queueUrl: `redis://127.0.0.1:${redis.proxy.port}` }),
    env: await environmentOf(options),
    logs,
    onLine: (line, processName) => recordNotification(history, line, processName),
    onExit: (exit) => history.exits.push(exit),
  });
  opened.unshift(stack);
  const destinations = await openDestinations(options.destinations ?? [], pairOf(stack.apiUrls), history);
  opened.unshift(destinations);
  return {
    backend,
    database,
    destinations,
    apis: pairOf(stack.apis),
    workers: pairOf(stack.workers),
    fileServer: defined(stack.videoServer),
    apiOrigins: pairOf(stack.apiUrls),
    redis: redis?.server,
    redisFolder: redisFolderOf(folder),
    mediaFolder: mediaFolderOf(folder),
    queueProxy: redis?.proxy ?? database.proxy,
    openQueue: () => openAlertQueue(redis?.server.url ?? database.directUrl(), () => {}),
    async flushQueue() {
      if (redis) await redis.server.send('FLUSHALL');
      else await database.direct().$executeRaw`TRUNCATE bullmq.job CASCADE`;
    },
  };
}

async function environmentOf({ folder, logs, pictures = 'on' }: ChaosStackOptions): Promise<Record<string, string>> {
  const LOG_LEVEL = logs === undefined ? 'warn' : 'info';
  return { LOG_LEVEL, ...DESTINATION_SETTINGS, ...(await mediaSettings(mediaFolderOf(folder))), PICTURES: pictures };
}

async function openRedis({ folder, logs, history }: ChaosStackOptions, opened: Opened) {
  const server = await startRedisServer({
    folder: redisFolderOf(folder),
    fsync: 'everysec',
    supervised: true,
    logFile: logs && join(logs, 'redis.log'),
    onExit: (exit) => history.exits.push(exit),
  });
  opened.unshift({ close: server.stop });
  const proxy = await startTcpProxy(server.port);
  opened.unshift(proxy);
  return { server, proxy };
}

const redisFolderOf = (folder: string) => join(folder, 'redis');
const mediaFolderOf = (folder: string) => join(folder, 'media');

function pairOf<T>([first, second]: T[]): [T, T] {
  return [defined(first), defined(second)];
}

function defined<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the stack lacks a service');
  return value;
}
