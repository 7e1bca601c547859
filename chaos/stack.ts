import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { migrateQueue } from '#redis/migrate.ts';
import { type AlertQueue, openAlertQueue } from '#redis/queue.ts';
import { freePorts } from '#test/harness/ports.ts';
import { keepPart, type Opened, type Part, type PartOptions } from '#test/harness/process.ts';
import { askRedis, findRedis, REDIS_READY, redisArguments } from '#test/harness/redis-server.ts';
import { openStackDatabase, type StackDatabase } from './database.ts';
import type { Backend } from './faults.ts';
import { type History, noteLine } from './history.ts';
import { openProxy, type TcpProxy } from './proxy.ts';

export type StackOptions = {
  backend: Backend;
  /** For data; removed by whoever made it. */
  folder: string;
  /** Where the log of each part is kept; undefined: nowhere. */
  logs: string | undefined;
  searchPath: string;
  ledger: History;
};

/** The parts of a whole house on free ports of 127.0.0.1, each a process of its own. */
export type Stack = {
  backend: Backend;
  apis: [Part, Part];
  workers: [Part, Part];
  window: Part;
  redis: Part | undefined;
  database: StackDatabase;
  /** Origins of the apis. */
  doors: [string, string];
  /** What the queue's connections pass through. */
  queueProxy: TcpProxy;
  /** The port of Redis itself; 0 on PostgreSQL. */
  redisPort: number;
  /** The harness's own end of the queue, past the proxy. */
  openQueue(): AlertQueue;
  /** Takes everything out of the queue. */
  flushQueue(): Promise<void>;
};

/**
 * Opens the parts that the others need, and leaves what is to be closed in `opened`, last first. Apis, workers and window
 * are not running yet. Throws one sentence where a part is missing on this machine.
 */
export async function openStack(options: StackOptions, opened: Opened): Promise<Stack> {
  const redisFile = options.backend === 'redis' ? await findRedis(options.searchPath) : undefined;
  const database = await openStackDatabase(join(options.folder, 'postgres'));
  opened.unshift(database);
  const [api1, api2, videos, redisPort] = await freePorts(4);
  const part = partMaker(options, opened);
  const queue = redisFile
    ? await openRedis(options, opened, { part, file: redisFile, port: redisPort ?? 0 })
    : await openPostgresQueue(database);
  const window = { VIDEO_PORT: `${videos}`, VIDEO_SERVER: `http://127.0.0.1:${videos}` };
  const env = { ...window, AUTH: 'off', HOST: '127.0.0.1', LOG_LEVEL: options.logs === undefined ? 'warn' : 'info' };
  const entry = (name: string, file: string, more: Record<string, string> = {}) =>
    part({
      name,
      command: (incarnation) => {
        const DATABASE_URL = database.urlFor(incarnation);
        return {
          file: process.execPath,
          args: [fileURLToPath(new URL(`../${file}`, import.meta.url))],
          env: { ...env, ...more, DATABASE_URL, QUEUE_URL: queue.url ?? DATABASE_URL },
        };
      },
      onLine: (line, incarnation) => noteLine(options.ledger, line, incarnation),
    });
  return {
    ...queue.house,
    backend: options.backend,
    database,
    doors: [`http://127.0.0.1:${api1}`, `http://127.0.0.1:${api2}`],
    window: entry('window', 'local/file-server.ts'),
    workers: [entry('worker-1', 'worker/index.ts'), entry('worker-2', 'worker/index.ts')],
    apis: [entry('api-1', 'api/index.ts', { PORT: `${api1}` }), entry('api-2', 'api/index.ts', { PORT: `${api2}` })],
  };
}

/** The queue's side of the house. `url`: undefined where it is the database's. */
type QueueSide = {
  url: string | undefined;
  house: Pick<Stack, 'redis' | 'redisPort' | 'queueProxy' | 'openQueue' | 'flushQueue'>;
};

async function openRedis(
  { folder }: StackOptions,
  opened: Opened,
  { part, file, port }: { part: ReturnType<typeof partMaker>; file: string; port: number },
): Promise<QueueSide> {
  const args = await redisArguments(join(folder, 'redis'), port);
  const redis = part({ name: 'redis', command: () => ({ file, args, env: {} }), readyLine: REDIS_READY });
  await redis.start(AbortSignal.timeout(30_000));
  const queueProxy = await openProxy();
  opened.unshift(queueProxy);
  queueProxy.lead(port);
  return {
    url: `redis://127.0.0.1:${queueProxy.port}`,
    house: {
      redis,
      redisPort: port,
      queueProxy,
      openQueue: () => openAlertQueue(`redis://127.0.0.1:${port}`, () => {}),
      async flushQueue() {
        await askRedis(port, 'FLUSHALL');
      },
    },
  };
}

async function openPostgresQueue(database: StackDatabase): Promise<QueueSide> {
  await migrateQueue(database.directUrl());
  return {
    url: undefined,
    house: {
      redis: undefined,
      redisPort: 0,
      queueProxy: database.proxy,
      openQueue: () => openAlertQueue(database.directUrl(), () => {}),
      async flushQueue() {
        await database.direct().$executeRaw`TRUNCATE bullmq.job CASCADE`;
      },
    },
  };
}

/** Makes parts that end with the house. */
function partMaker({ ledger, logs }: StackOptions, opened: Opened) {
  return (options: Omit<PartOptions, 'onExit' | 'logFile'>): Part => {
    const logFile = logs === undefined ? undefined : join(logs, `${options.name}.log`);
    return keepPart({ ...options, logFile, onExit: (exit) => ledger.exits.push(exit) }, opened);
  };
}
