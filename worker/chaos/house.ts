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
import { openProxy, type Proxy } from './proxy.ts';
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
  queueProxy: Proxy;
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
  const { backend, ledger } = options;
  const redisFile = backend === 'redis' ? await findRedis(options.searchPath) : undefined;
  const database = await openHouseDatabase(join(options.folder, 'postgres'));
  opened.unshift(database);
  const ports = await freePorts(4);
  const part = partMaker(options, opened);
  const redis = redisFile === undefined ? undefined : await makeRedis(options, part, redisFile, ports[3]);
  const queueProxy = redis ? await openProxy() : database.proxy;
  if (redis) {
    opened.unshift(queueProxy);
    queueProxy.lead(ports[3]);
    await redis.start(AbortSignal.timeout(30_000));
  } else {
    await migrateQueue(database.directUrl());
  }
  const envFor = (incarnation: string) => {
    const databaseUrl = database.urlFor(incarnation);
    const queueUrl = redis ? `redis://127.0.0.1:${queueProxy.port}` : databaseUrl;
    const window = { VIDEO_PORT: `${ports[2]}`, VIDEO_SERVER: `http://127.0.0.1:${ports[2]}` };
    const level = options.logs === undefined ? 'warn' : 'info';
    return { DATABASE_URL: databaseUrl, QUEUE_URL: queueUrl, HOST: '127.0.0.1', LOG_LEVEL: level, ...window };
  };
  const entry = (name: string, file: string, more: Record<string, string> = {}) =>
    part({
      name,
      command: (incarnation) => ({
        file: process.execPath,
        args: [fileURLToPath(new URL(`../../${file}`, import.meta.url))],
        env: { ...envFor(incarnation), ...more },
      }),
      onLine: (line, incarnation) => noteLine(ledger, line, incarnation),
    });
  const queueUrl = redis ? `redis://127.0.0.1:${ports[3]}` : undefined;
  return {
    backend,
    database,
    redis,
    queueProxy,
    redisPort: redis ? ports[3] : 0,
    doors: [`http://127.0.0.1:${ports[0]}`, `http://127.0.0.1:${ports[1]}`],
    window: entry('window', 'nginx/local.ts'),
    workers: [entry('worker-1', 'worker/index.ts'), entry('worker-2', 'worker/index.ts')],
    apis: [
      entry('api-1', 'api/index.ts', { PORT: `${ports[0]}` }),
      entry('api-2', 'api/index.ts', { PORT: `${ports[1]}` }),
    ],
    openQueue: () => openAlertQueue(queueUrl ?? database.directUrl(), () => {}),
    async flushQueue() {
      if (redis) await tellRedis(ports[3], 'FLUSHALL');
      else await database.direct().$executeRaw`TRUNCATE bullmq.job CASCADE`;
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

async function makeRedis(
  options: HouseOptions,
  part: ReturnType<typeof partMaker>,
  file: string,
  port: number,
): Promise<Part> {
  const args = await redisArguments(join(options.folder, 'redis'), port);
  return part({ name: 'redis', command: () => ({ file, args, env: {} }), readyLine: REDIS_READY, onLine: () => {} });
}

/** Ports that were free a moment ago. An incarnation that finds its port taken fails, and its successor tries again. */
async function freePorts(count: 4): Promise<[number, number, number, number]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const [a, b, c, d] = servers.map((server) => {
    const address = server.address();
    return typeof address === 'object' && address ? address.port : 0;
  });
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  if (!a || !b || !c || !d) throw new Error('no free port on 127.0.0.1');
  return [a, b, c, d];
}
