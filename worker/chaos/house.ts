import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { migrateQueue } from '#redis/migrate.ts';
import { type AlertQueue, openAlertQueue } from '#redis/queue.ts';
import type { Backend } from './blows.ts';
import { type HouseDatabase, openHouseDatabase } from './database.ts';
import { type Ledger, noteLine } from './ledger.ts';
import { createPart, type Part, type PartOptions } from './part.ts';
import { openProxy, type TcpProxy } from './proxy.ts';
import { findRedis, REDIS_READY, redisArguments, tellRedis } from './redis.ts';

export type HouseOptions = {
  backend: Backend;
  /** For data; removed by whoever made it. */
  folder: string;
  /** Where the log of each part is kept; undefined: nowhere. */
  logs: string | undefined;
  searchPath: string;
  ledger: Ledger;
};

/** The parts of a whole house on free ports of 127.0.0.1, each a process of its own. */
export type House = {
  backend: Backend;
  apis: [Part, Part];
  workers: [Part, Part];
  window: Part;
  redis: Part | undefined;
  database: HouseDatabase;
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

type Opened = { close(): Promise<void> }[];

/**
 * Opens the parts that the others need, and leaves what is to be closed in `opened`, last first. Apis, workers and window
 * are not running yet. Throws one sentence where a part is missing on this machine.
 */
export async function openHouse(options: HouseOptions, opened: Opened): Promise<House> {
  const redisFile = options.backend === 'redis' ? await findRedis(options.searchPath) : undefined;
  const database = await openHouseDatabase(join(options.folder, 'postgres'));
  opened.unshift(database);
  const ports = await freePorts();
  const part = partMaker(options, opened);
  const queue = redisFile
    ? await openRedis(options, opened, { part, file: redisFile, port: ports.redis })
    : await openPostgresQueue(database);
  const window = { VIDEO_PORT: `${ports.window}`, VIDEO_SERVER: `http://127.0.0.1:${ports.window}` };
  const env = { ...window, HOST: '127.0.0.1', LOG_LEVEL: options.logs === undefined ? 'warn' : 'info' };
  const entry = (name: string, file: string, more: Record<string, string> = {}) =>
    part({
      name,
      command: (incarnation) => {
        const DATABASE_URL = database.urlFor(incarnation);
        return {
          file: process.execPath,
          args: [fileURLToPath(new URL(`../../${file}`, import.meta.url))],
          env: { ...env, ...more, DATABASE_URL, QUEUE_URL: queue.url ?? DATABASE_URL },
        };
      },
      onLine: (line, incarnation) => noteLine(options.ledger, line, incarnation),
    });
  return {
    ...queue.house,
    backend: options.backend,
    database,
    doors: [`http://127.0.0.1:${ports.api1}`, `http://127.0.0.1:${ports.api2}`],
    window: entry('window', 'nginx/local.ts'),
    workers: [entry('worker-1', 'worker/index.ts'), entry('worker-2', 'worker/index.ts')],
    apis: [
      entry('api-1', 'api/index.ts', { PORT: `${ports.api1}` }),
      entry('api-2', 'api/index.ts', { PORT: `${ports.api2}` }),
    ],
  };
}

/** The queue's side of the house. `url`: undefined where it is the database's. */
type QueueSide = {
  url: string | undefined;
  house: Pick<House, 'redis' | 'redisPort' | 'queueProxy' | 'openQueue' | 'flushQueue'>;
};

async function openRedis(
  { folder }: HouseOptions,
  opened: Opened,
  { part, file, port }: { part: ReturnType<typeof partMaker>; file: string; port: number },
): Promise<QueueSide> {
  const args = await redisArguments(join(folder, 'redis'), port);
  const redis = part({ name: 'redis', command: () => ({ file, args, env: {} }), readyLine: REDIS_READY, onLine() {} });
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
      flushQueue: () => tellRedis(port, 'FLUSHALL'),
    },
  };
}

async function openPostgresQueue(database: HouseDatabase): Promise<QueueSide> {
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

/** Makes parts that end with the house, and with this process however that ends. */
function partMaker({ ledger, logs }: HouseOptions, opened: Opened) {
  return (options: Omit<PartOptions, 'onExit' | 'logFile'>): Part => {
    const logFile = logs === undefined ? undefined : join(logs, `${options.name}.log`);
    const part = createPart({ ...options, logFile, onExit: (exit) => ledger.exits.push(exit) });
    const slay = () => part.slay();
    process.once('exit', slay);
    opened.unshift({
      async close() {
        await part.end();
        process.off('exit', slay);
      },
    });
    return part;
  };
}

/** Ports that were free a moment ago. An incarnation that finds its port taken fails, and its successor tries again. */
async function freePorts(): Promise<Record<'api1' | 'api2' | 'window' | 'redis', number>> {
  const servers = Array.from({ length: 4 }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const [api1, api2, window, redis] = servers.map((server) => {
    const address = server.address();
    return typeof address === 'object' && address ? address.port : 0;
  });
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  if (!api1 || !api2 || !window || !redis) throw new Error('no free port on 127.0.0.1');
  return { api1, api2, window, redis };
}
