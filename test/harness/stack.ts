import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NODE_OPTIONS } from '#local/node-settings.ts';
import { migrateQueue } from '#redis/migrate.ts';
import { createNginxVideoServer, type Served } from './nginx-video-server.ts';
import { freePort, freePorts } from './ports.ts';
import { startProcess } from './process.ts';
import { type RedisServer, startRedisServer } from './redis.ts';
import { createService, type Exit, type Service } from './service.ts';
import { createStackClient, type StackClient } from './stack-client.ts';
import { findProgram } from './system-packages.ts';

export type Backend = 'redis' | 'postgres';

export type StackOptions = {
  /** Where the queue is. */
  backend?: Backend;
  apis?: number;
  workers?: number;
  /** The video server: one of these, none yet, or the origin of one that is already running. */
  videos?: 'file-server' | 'nginx' | 'none' | `http://${string}`;
  /** What the video server serves. Default: the bundled videos. */
  videosFolder?: string;
  /** More environment variables for api and worker. */
  env?: Record<string, string>;
  /** A migrated database that the caller closes. `urlFor`: the URL for one process. Default: a new test database. */
  database?: { url: string; urlFor?(processName: string): string };
  /** A Redis that the caller stops. Default on the backend redis: a new one. */
  redis?: RedisServer;
  /** What api and worker use as QUEUE_URL, for a proxy or a password. Default: the URL of Redis or of the database. */
  queueUrl?: string;
  /** true: a process that ends is replaced at once. */
  supervised?: boolean;
  /** A folder where the output of each service is kept as `<name>.log`. */
  logs?: string | undefined;
  /** true: the output goes to `logs` only and is not read, so that reading it does not cost CPU time. */
  unread?: boolean;
  /** true: the output of the workers can be blocked. */
  blockableWorkers?: boolean;
  /** A folder where api and worker write a V8 CPU profile when they end. */
  profiles?: string | undefined;
  onLine?: (line: string, processName: string) => void;
  onExit?: (exit: Exit) => void;
};

/** The processes of the system on free ports of 127.0.0.1, each a real process. */
export type Stack = StackClient & {
  backend: Backend;
  databaseUrl: string;
  queueUrl: string;
  /** The Redis of the backend redis. */
  redis: RedisServer | undefined;
  apis: Service[];
  workers: Service[];
  /** Undefined with `videos: 'none'` or a URL. */
  videoServer: Service | undefined;
  /** Origins; `apiUrl` and `opsUrl` are the first ones. */
  apiUrls: string[];
  apiUrl: string;
  opsUrls: string[];
  opsUrl: string;
  videosUrl: string;
  /** The same with another host name than the apis', for browsers. */
  videosPublicUrl: string;
  /** With nginx: what it served since the last call. */
  served(): Promise<Served | undefined>;
  /** Returns one more service with the environment of api and worker. It does not run yet, and stops with the stack. */
  addService(name: string, entry: string, env?: Record<string, string>): Service;
  /** Starts every service that does not run yet. */
  start(signal?: AbortSignal): Promise<void>;
  close(): Promise<void>;
};

type Closers = (() => Promise<unknown>)[];

/** Returns a stack that is ready to use. */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const stack = await createStack(options);
  try {
    await stack.start();
  } catch (error) {
    await stack.close();
    throw error;
  }
  return stack;
}

/** Returns a stack with its database and queue; apis, workers and video server do not run yet. */
export async function createStack(options: StackOptions = {}): Promise<Stack> {
  const closers: Closers = [];
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    return await openStack(options, closers, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function openStack(options: StackOptions, closers: Closers, close: () => Promise<void>): Promise<Stack> {
  const { backend = 'postgres', videos = 'file-server', apis: apiCount = 1, workers: workerCount = 1 } = options;
  const folder = await mkdtemp(join(tmpdir(), 'stack-'));
  closers.push(() => rm(folder, { recursive: true, force: true }));
  const database = options.database ?? (await openTestDatabase(backend, closers));
  const redis = backend === 'redis' ? (options.redis ?? (await openRedis(closers))) : undefined;
  const queueUrl = options.queueUrl ?? redis?.url;
  await migrateQueue(queueUrl ?? database.url);
  const { port, service: videoServer, served } = await openVideoServer(options, folder);
  const videosUrl = videos.startsWith('http') ? videos : `http://127.0.0.1:${port}`;
  if (videoServer) closers.push(() => videoServer.stop());
  const addService = serviceMaker(options, { database, queueUrl, videosUrl }, closers);
  const [apiPorts, opsPorts] = [await freePorts(apiCount), await freePorts(workerCount)];
  const apis = apiPorts.map((each, i) => addService(numbered('api', i, apiCount), 'api/index.ts', { PORT: `${each}` }));
  const workers = opsPorts.map((each, i) =>
    addService(numbered('worker', i, workerCount), 'worker/index.ts', { OPS_PORT: `${each}` }),
  );
  const [apiUrls, opsUrls] = [apiPorts.map(originOf), opsPorts.map(originOf)];
  const urls = {
    apiUrls,
    apiUrl: apiUrls[0] ?? '',
    opsUrls,
    opsUrl: opsUrls[0] ?? '',
    videosUrl,
    videosPublicUrl: publicOf(videosUrl),
  };
  return {
    ...createStackClient(urls.apiUrl),
    ...urls,
    ...{ backend, databaseUrl: database.url, queueUrl: queueUrl ?? database.url, redis },
    ...{ apis, workers, videoServer, served, addService, close },
    async start(signal) {
      const all = [...apis, ...workers, ...(videoServer ? [videoServer] : [])];
      await Promise.all(all.map((service) => service.start(signal)));
    },
  };
}

type Addresses = {
  database: { url: string; urlFor?(processName: string): string };
  /** Undefined: the queue is in the database. */
  queueUrl: string | undefined;
  videosUrl: string;
};

/** Returns `addService`, whose services stop together. */
function serviceMaker(options: StackOptions, addresses: Addresses, closers: Closers): Stack['addService'] {
  const { database, queueUrl, videosUrl } = addresses;
  const services: Service[] = [];
  closers.push(() => Promise.all(services.map((service) => service.stop())));
  return (name, entry, env = {}) => {
    const envOf = (processName: string) => {
      const DATABASE_URL = database.urlFor?.(processName) ?? database.url;
      const urls = { DATABASE_URL, QUEUE_URL: queueUrl ?? DATABASE_URL };
      const videoUrls = { VIDEO_SERVER: videosUrl, VIDEO_PUBLIC_URL: publicOf(videosUrl) };
      const base = { NODE_OPTIONS, AUTH: 'off', HOST: '127.0.0.1', OPS_PORT: 'off' };
      return { ...base, ...urls, ...videoUrls, ...options.env, ...env };
    };
    const service = createEntry({ name, entry, envOf }, options);
    services.push(service);
    return service;
  };
}

// Imported on demand: it needs Vitest, and chaos and bench run without it.
async function openTestDatabase(
  backend: Backend,
  closers: Closers,
): Promise<{ url: string; urlFor?(name: string): string }> {
  const { createTestDatabase } = await import('./test-database.ts');
  const database = await createTestDatabase({ queue: backend === 'postgres' });
  closers.push(database.drop);
  return database;
}

async function openRedis(closers: Closers): Promise<RedisServer> {
  const redis = await startRedisServer();
  closers.push(redis.stop);
  return redis;
}

type OpenVideoServer = { port: number; service?: Service; served: Stack['served'] };

async function openVideoServer(options: StackOptions, folder: string): Promise<OpenVideoServer> {
  const { videos = 'file-server', videosFolder = 'nginx/videos', onExit } = options;
  const port = await freePort();
  const served = async () => undefined;
  if (videos === 'nginx') {
    const nginx = await findProgram(['nginx'], process.env.PATH ?? '');
    if (nginx === undefined) throw new Error('nginx is not installed');
    const server = await createNginxVideoServer({
      nginx,
      videos: videosFolder,
      folder: join(folder, 'nginx'),
      port,
      onExit,
    });
    return { port, ...server };
  }
  if (videos !== 'file-server') return { port, served };
  const env = { VIDEO_PORT: `${port}`, HOST: '127.0.0.1', VIDEOS_DIR: videosFolder };
  return {
    port,
    served,
    service: createEntry({ name: 'file-server', entry: 'local/file-server.ts', envOf: () => env }, options),
  };
}

type Entry = { name: string; entry: string; envOf: (processName: string) => Record<string, string> };

function createEntry({ name, entry, envOf }: Entry, options: StackOptions): Service {
  const { logs, unread, profiles, onLine, onExit, supervised, blockableWorkers } = options;
  const log = logs === undefined ? undefined : join(logs, `${name}.log`);
  const isOurs = entry.startsWith('api/') || entry.startsWith('worker/');
  return createService({
    name,
    supervised,
    onExit,
    launch: (processName) =>
      startProcess({
        name: processName,
        entry,
        env: envOf(processName),
        nodeArgs: profiles !== undefined && isOurs ? ['--cpu-prof', `--cpu-prof-dir=${join(profiles, name)}`] : [],
        onLine: onLine && ((line) => onLine(line, processName)),
        blockable: blockableWorkers && entry.startsWith('worker/'),
        ...(unread ? { unreadFile: log } : { logFile: log }),
      }),
  });
}

const numbered = (name: string, index: number, count: number) => (count === 1 ? name : `${name}-${index + 1}`);
const publicOf = (videosUrl: string) => videosUrl.replace('//127.0.0.1:', '//localhost:');
const originOf = (port: number) => `http://127.0.0.1:${port}`;
