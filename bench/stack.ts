import { join } from 'node:path';
import { type Database, openDatabase } from '#prisma/client.ts';
import { migrate } from '#prisma/migrate.ts';
import { type PostgresServer, startPostgres } from '#test/harness/postgres.ts';
import { type RedisServer, startRedisServer } from '#test/harness/redis.ts';
import type { Exit, Service } from '#test/harness/service.ts';
import { createStack, type Stack } from '#test/harness/stack.ts';
import { findProgram } from '#test/harness/system-packages.ts';
import { DESTINATION_SETTINGS, openDestinations } from './destinations.ts';

export type Backend = 'redis' | 'postgres';
export type WorkerKind = 'current' | 'without pictures' | 'baseline';

export type BenchStackOptions = {
  backend: Backend;
  /** For data and logs. The caller removes it. */
  folder: string;
  /** The folder that the video server serves. */
  videos: string;
  /** A PATH, in which nginx is looked up. */
  searchPath: string;
  /** Additional environment variables of api and worker. */
  settings: Record<string, string>;
  /** The folder where api and worker write a V8 profile when they exit. */
  profiles: string | undefined;
  /** The number of webhook destinations, each for all alerts. */
  destinations: number;
  /** The number of apis; default 1. */
  apis?: number;
};

/** The services whose cost is reported separately. */
export const SERVICES = ['api', 'worker', 'postgres', 'redis', 'videoServer'] as const;
export type ServiceName = (typeof SERVICES)[number];

/** A stack with one process of each service, or with more apis and workers. */
export type BenchStack = {
  backend: Backend;
  apiPorts: number[];
  database: Database;
  databaseUrl: string;
  destinations: number;
  videoServer: { kind: 'nginx' | 'local/file-server.ts'; origin: string; served: Stack['served'] };
  /** Undefined if the queue is on PostgreSQL. */
  redis: RedisServer | undefined;
  /** Stops the current workers and starts this one, or several of its kind. */
  startWorker(kind: WorkerKind, count?: number): Promise<void>;
  /** Returns the running processes of a service, without their children. */
  pids(service: ServiceName): number[];
  /** Deletes every row and every job. */
  deleteAll(): Promise<void>;
  /** Throws if a process has exited by itself. */
  throwIfAnyExited(): void;
};

export type Opened = { close(): Promise<void> }[];

/** The limits still count each request, but are never reached: the driver has one address. */
const LIMITS = {
  RATE_LIMIT_PER_IP: '100000000',
  RATE_LIMIT_PER_KEY: '100000000',
  QUEUE_MAX_DEPTH: '10000000',
  MAX_HELD: '10000',
};

/** Starts a stack without a worker, and adds what has to be closed to `opened`, last opened first. */
export async function openStack(options: BenchStackOptions, opened: Opened): Promise<BenchStack> {
  const failures: string[] = [];
  const onExit = ({ sent, process, how, lastLines }: Exit) => {
    if (sent === undefined) failures.push(`${process} exited (${how}): ${lastLines}`);
  };
  const { redis, postgres, stack, videoServer } = await openServices(options, onExit, opened);
  const database = openDatabase(postgres.url, { poolSize: 1, onError: () => {} });
  opened.unshift({ close: () => database.$disconnect() });
  await stack.start();
  await openDestinations(options.destinations, stack.apiUrl, opened);
  return {
    backend: options.backend,
    destinations: options.destinations,
    apiPorts: stack.apiUrls.map((url) => Number(new URL(url).port)),
    database,
    databaseUrl: postgres.url,
    videoServer,
    redis,
    ...workerSwitch(stack, {
      api: () => stack.apis.map((api) => api.pid()),
      postgres: () => [postgres.pid],
      redis: () => [redis?.pid],
      videoServer: () => [stack.videoServer?.pid()],
    }),
    async deleteAll() {
      await database.$executeRaw`TRUNCATE alerts CASCADE`;
      if (redis) await redis.send('FLUSHALL');
      else await database.$executeRaw`TRUNCATE bullmq.job CASCADE`;
    },
    throwIfAnyExited() {
      if (failures.length > 0) throw new Error(failures.join('\n'));
    },
  };
}

async function openServices(options: BenchStackOptions, onExit: (exit: Exit) => void, opened: Opened) {
  const { backend, folder, videos, searchPath, profiles, settings, apis = 1 } = options;
  const redis = backend === 'redis' ? await openRedis(join(folder, 'redis'), onExit, opened) : undefined;
  const postgres = await openPostgres(join(folder, 'postgres'), opened);
  const hasNginx = (await findProgram(['nginx'], searchPath)) !== undefined;
  const stack = await createStack({
    backend,
    database: postgres,
    ...(redis && { redis }),
    apis,
    workers: 0,
    videos: hasNginx ? 'nginx' : 'file-server',
    videosFolder: videos,
    env: { ...LIMITS, ...DESTINATION_SETTINGS, ...settings },
    logs: folder,
    unread: true,
    profiles,
    onExit,
  });
  opened.unshift(stack);
  const kind: BenchStack['videoServer']['kind'] = hasNginx ? 'nginx' : 'local/file-server.ts';
  return { redis, postgres, stack, videoServer: { kind, origin: stack.videosUrl, served: stack.served } };
}

/** The names, entries and additional variables of the kinds of workers. */
const WORKERS: Record<WorkerKind, [name: string, entry: string, env?: Record<string, string>]> = {
  current: ['worker', 'worker/index.ts'],
  'without pictures': ['worker-without-pictures', 'worker/index.ts', { PICTURES: 'off' }],
  baseline: ['baseline', 'bench/baseline.ts'],
};

type Pids = () => (number | undefined)[];

function workerSwitch(
  { addService }: Stack,
  others: Record<Exclude<ServiceName, 'worker'>, Pids>,
): Pick<BenchStack, 'startWorker' | 'pids'> {
  const services = new Map<string, Service>();
  let current: Service[] = [];
  const pidsOf = { ...others, worker: () => current.map((worker) => worker.pid()) };
  const workerOf = (kind: WorkerKind, index: number) => {
    const [name, entry, env] = WORKERS[kind];
    const numbered = index === 0 ? name : `${name}-${index + 1}`;
    const service = services.get(numbered) ?? addService(numbered, entry, env);
    services.set(numbered, service);
    return service;
  };
  return {
    async startWorker(kind, count = 1) {
      await Promise.all(current.map((worker) => worker.stop()));
      current = Array.from({ length: count }, (_, index) => workerOf(kind, index));
      await Promise.all(current.map((worker) => worker.start()));
    },
    pids: (service) => pidsOf[service]().filter((pid) => pid !== undefined),
  };
}

/** Durable, and with the time of each commit, so that PostgreSQL itself records when a row became final. */
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
