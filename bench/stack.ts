import { join } from 'node:path';
import { type Database, openDatabase } from '#prisma/client.ts';
import { migrate } from '#prisma/migrate.ts';
import { type PostgresServer, startPostgres } from '#test/harness/postgres.ts';
import { type RedisServer, startRedisServer } from '#test/harness/redis.ts';
import type { Exit, Service } from '#test/harness/service.ts';
import { createStack } from '#test/harness/stack.ts';
import { findProgram } from '#test/harness/system-packages.ts';
import type { VideoServer } from './video-server.ts';

export type Backend = 'redis' | 'postgres';
export type WorkerKind = 'ours' | 'baseline';

export type StackOptions = {
  backend: Backend;
  /** For data and logs; removed by whoever made it. */
  folder: string;
  /** What the video server shows. */
  videos: string;
  /** More of the environment of api and worker. */
  settings: Record<string, string>;
  /** Where api and worker leave a V8 profile when they end. */
  profiles: string | undefined;
};

/** The kinds of processes whose cost is told apart. */
export const KINDS = ['api', 'worker', 'postgres', 'redis', 'videoServer'] as const;
export type Kind = (typeof KINDS)[number];

/** A whole house, one process of each kind, on free ports of 127.0.0.1. */
export type Stack = {
  backend: Backend;
  apiPort: number;
  database: Database;
  databaseUrl: string;
  videoServer: VideoServer;
  redisPort: number | undefined;
  /** Ends the worker that runs and starts this one. */
  employ(worker: WorkerKind): Promise<void>;
  /** Processes of a kind that run now, without their children. */
  pids(kind: Kind): number[];
  /** Takes every row and every job away. */
  empty(): Promise<void>;
  /** Throws when a part has ended by itself. */
  check(): void;
};

/** Counted as ever, but never reached: the driver is one address. */
const LIMITS = { RATE_LIMIT_PER_IP: '100000000', RATE_LIMIT_PER_KEY: '100000000', QUEUE_MAX_DEPTH: '10000000' };

export type Opened = { close(): Promise<void> }[];

/** Opens the whole stack except for its worker, and puts what is to be closed into `opened`, last first. */
export async function openStack(options: StackOptions, opened: Opened): Promise<Stack> {
  const { backend, folder, videos, profiles } = options;
  const failures: string[] = [];
  const onExit = ({ sent, process, how, lastLines }: Exit) => {
    if (sent === undefined) failures.push(`${process} ended (${how}): ${lastLines}`);
  };
  const postgres = await openPostgres(join(folder, 'postgres'), opened);
  const redis = backend === 'redis' ? await openRedis(join(folder, 'redis'), onExit, opened) : undefined;
  const nginx = await findProgram(['nginx'], process.env.PATH ?? '');
  const stack = await createStack({
    backend,
    database: postgres,
    ...(redis && { redis }),
    workers: 0,
    videos: nginx === undefined ? 'file-server' : 'nginx',
    videosFolder: videos,
    env: { ...LIMITS, ...options.settings },
    logs: folder,
    unread: true,
    profiles,
    onExit,
  });
  opened.unshift(stack);
  const workers = {
    ours: stack.addService('ours', 'worker/index.ts'),
    baseline: stack.addService('baseline', 'bench/baseline.ts'),
  };
  await stack.start();
  return {
    backend,
    apiPort: Number(new URL(stack.apiUrl).port),
    databaseUrl: postgres.url,
    videoServer: {
      kind: nginx === undefined ? 'local/file-server.ts' : 'nginx',
      origin: stack.videosUrl,
      service: stack.videoServer,
      served: stack.served,
    },
    redisPort: redis?.port,
    ...employer(workers, {
      api: () => stack.apis[0]?.pid(),
      postgres: () => postgres.pid,
      redis: () => redis?.pid,
      videoServer: () => stack.videoServer?.pid(),
    }),
    ...keeper(postgres.url, redis, opened),
    check() {
      if (failures.length > 0) throw new Error(failures.join('\n'));
    },
  };
}

/** Which worker runs, and the process ids of each kind. */
function employer(
  workers: Record<WorkerKind, Service>,
  others: Record<Exclude<Kind, 'worker'>, () => number | undefined>,
): Pick<Stack, 'employ' | 'pids'> {
  let employed: Service | undefined;
  const pidOf = { ...others, worker: () => employed?.pid() };
  return {
    async employ(worker) {
      await employed?.stop();
      employed = workers[worker];
      await employed.start();
    },
    pids(kind) {
      const pid = pidOf[kind]();
      return pid === undefined ? [] : [pid];
    },
  };
}

/** The way to the rows, and to having none. */
function keeper(url: string, redis: RedisServer | undefined, opened: Opened): Pick<Stack, 'database' | 'empty'> {
  const database = openDatabase(url, { poolSize: 1, onError: () => {} });
  opened.unshift({ close: () => database.$disconnect() });
  return {
    database,
    async empty() {
      await database.$executeRaw`TRUNCATE alerts`;
      if (redis) await redis.send('FLUSHALL');
      else await database.$executeRaw`TRUNCATE bullmq.job CASCADE`;
    },
  };
}

/** Durable, and with the time of each commit, so that the database itself records when a row became final. */
async function openPostgres(dataDir: string, opened: Opened): Promise<PostgresServer> {
  const server = await startPostgres(dataDir);
  opened.unshift({ close: server.stop });
  const db = openDatabase(server.url, { poolSize: 1, onError: () => {} });
  await db.$executeRaw`ALTER SYSTEM SET track_commit_timestamp = on`.finally(() => db.$disconnect());
  await server.restart({ crash: false });
  await migrate(server.url);
  return server;
}

async function openRedis(folder: string, onExit: (exit: Exit) => void, opened: Opened): Promise<RedisServer> {
  const redis = await startRedisServer({ folder, fsync: 'everysec', onExit });
  opened.unshift({ close: redis.stop });
  return redis;
}
