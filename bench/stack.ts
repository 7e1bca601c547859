import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '#local/postgres/embedded.ts';
import { type Database, openDatabase } from '#prisma/client.ts';
import { migrate } from '#prisma/migrate.ts';
import { migrateQueue } from '#redis/migrate.ts';
import { freePorts } from '#test/harness/ports.ts';
import { type Exit, keepPart, type Opened, type Part } from '#test/harness/process.ts';
import { askRedis, findRedis, REDIS_READY, redisArguments } from '#test/harness/redis-server.ts';
import { startVideoServer, type VideoServer } from './video-server.ts';

export type Backend = 'redis' | 'postgres';
export type WorkerKind = 'ours' | 'baseline';

export type StackOptions = {
  backend: Backend;
  /** For data and logs; removed by whoever made it. */
  folder: string;
  /** What the video server shows. */
  videos: string;
  searchPath: string;
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
const START_MS = 60_000;
const ENTRIES = { api: 'api/index.ts', ours: 'worker/index.ts', baseline: 'bench/baseline.ts' };

/** Opens the whole house but for its worker and leaves what is to be closed in `opened`, last first. */
export async function openStack(options: StackOptions, opened: Opened): Promise<Stack> {
  const redisFile = options.backend === 'redis' ? await findRedis(options.searchPath) : undefined;
  const failures: string[] = [];
  const [apiPort = 0, videoPort = 0, redisPort = 0] = await freePorts(3);
  const { folder, videos, searchPath } = options;
  const postgres = await startDatabase(join(folder, 'postgres'), opened);
  const onExit = ({ asked, by, how, lastWords }: Exit) => {
    if (asked === undefined) failures.push(`${by} ended (${how}): ${lastWords}`);
  };
  const redis = redisFile ? await startRedis({ file: redisFile, port: redisPort, folder, onExit }, opened) : undefined;
  const queueUrl = redis ? `redis://127.0.0.1:${redisPort}` : postgres.url;
  await migrateQueue(queueUrl);
  const window = { videos, folder: join(folder, 'nginx'), port: videoPort, searchPath, onExit };
  const videoServer = await startVideoServer(window, opened);
  const env = { DATABASE_URL: postgres.url, QUEUE_URL: queueUrl, VIDEO_SERVER: videoServer.origin, HOST: '127.0.0.1' };
  const settings = { ...env, ...LIMITS, PORT: String(apiPort), AUTH: 'off', ...options.settings };
  const entry = (name: keyof typeof ENTRIES) => keepEntry(name, { env: settings, onExit, options }, opened);
  const parts = { api: entry('api'), ours: entry('ours'), baseline: entry('baseline') };
  await parts.api.start(AbortSignal.timeout(START_MS));
  return {
    backend: options.backend,
    apiPort,
    databaseUrl: postgres.url,
    videoServer,
    redisPort: redis ? redisPort : undefined,
    ...employer(parts, { postgres: () => postgres.pid, redis: redis?.pid, videoServer: videoServer.part.pid }),
    ...keeper(postgres.url, redis ? redisPort : undefined, opened),
    check() {
      if (failures.length > 0) throw new Error(failures.join('\n'));
    },
  };
}

type Parts = Record<keyof typeof ENTRIES, Part>;

/** Who works in the house, and which processes that makes. */
function employer(
  parts: Parts,
  others: Record<'postgres' | 'redis' | 'videoServer', (() => number | undefined) | undefined>,
): Pick<Stack, 'employ' | 'pids'> {
  let employed: Part | undefined;
  const pidOf = { ...others, api: parts.api.pid, worker: () => employed?.pid() };
  return {
    async employ(worker) {
      await employed?.end();
      employed = parts[worker];
      await employed.start(AbortSignal.timeout(START_MS));
    },
    pids(kind) {
      const pid = pidOf[kind]?.();
      return pid === undefined ? [] : [pid];
    },
  };
}

/** The way to the rows, and to having none. */
function keeper(url: string, redisPort: number | undefined, opened: Opened): Pick<Stack, 'database' | 'empty'> {
  const database = openDatabase(url, { poolSize: 1, onError: () => {} });
  opened.unshift({ close: () => database.$disconnect() });
  return {
    database,
    async empty() {
      await database.$executeRaw`TRUNCATE alerts`;
      if (redisPort !== undefined) await askRedis(redisPort, 'FLUSHALL');
      else await database.$executeRaw`TRUNCATE bullmq.job CASCADE`;
    },
  };
}

/** Durable, and keeping the time of each commit: so the database itself tells when a row became final. */
async function startDatabase(dataDir: string, opened: Opened): Promise<EmbeddedPostgres> {
  const first = await startEmbeddedPostgres({ dataDir });
  const db = openDatabase(first.url, { poolSize: 1, onError: () => {} });
  await db.$executeRaw`ALTER SYSTEM SET track_commit_timestamp = on`.finally(() => db.$disconnect());
  await first.stop();
  const server = await startEmbeddedPostgres({ dataDir });
  const slay = () => void process.kill(server.pid, 'SIGINT');
  process.once('exit', slay);
  opened.unshift({
    async close() {
      process.off('exit', slay);
      await server.stop();
    },
  });
  await migrate(server.url);
  return server;
}

type RedisOptions = { file: string; port: number; folder: string; onExit: (exit: Exit) => void };

async function startRedis({ file, port, folder, onExit }: RedisOptions, opened: Opened): Promise<Part> {
  const args = await redisArguments(join(folder, 'redis'), port);
  const command = () => ({ file, args, env: {} });
  const redis = keepPart({ name: 'redis', command, readyLine: REDIS_READY, onExit }, opened);
  await redis.start(AbortSignal.timeout(START_MS));
  return redis;
}

type EntryOptions = { env: Record<string, string>; onExit: (exit: Exit) => void; options: StackOptions };

function keepEntry(name: keyof typeof ENTRIES, { env, onExit, options }: EntryOptions, opened: Opened): Part {
  const profiled = options.profiles !== undefined && name !== 'baseline';
  const profile = profiled ? ['--cpu-prof', `--cpu-prof-dir=${options.profiles}/${name}`] : [];
  const args = [...profile, fileURLToPath(new URL(`../${ENTRIES[name]}`, import.meta.url))];
  const command = () => ({ file: process.execPath, args, env });
  return keepPart({ name, command, onExit, unreadFile: join(options.folder, `${name}.log`) }, opened);
}
