import { rmSync } from 'node:fs';
import { mkdir, mkdtemp } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './ports.ts';
import { startProcess } from './process.ts';
import { createService, type Service, type ServiceOptions } from './service.ts';
import { findProgram } from './system-packages.ts';
import { waitFor } from './wait.ts';

export const REDIS_COMMANDS = ['redis-server', 'valkey-server'] as const;

/** Another program may take the port between the check and Redis's bind. */
const PORT_ATTEMPTS = 3;
/** What Redis writes when it accepts commands. */
const READY_LINE = /Ready to accept connections/;
const COMMAND_TIMEOUT_MS = 5_000;

export type RedisOptions = {
  /** Default: a free one. */
  port?: number;
  /** Keeps every write in this folder, so that a server started on it again has them. Default: nothing is kept. */
  folder?: string;
  /** When writes reach the disk. 'everysec' is what redis/redis.conf sets. */
  fsync?: 'always' | 'everysec';
  /** Path of the program. Default: redis-server, else valkey-server, from the PATH. */
  command?: string | undefined;
  logFile?: string | undefined;
  /** More settings, as in redis.conf. */
  settings?: Record<string, string | number>;
} & Pick<ServiceOptions, 'supervised' | 'onExit'>;

export type RedisServer = {
  /** redis://127.0.0.1:port */
  url: string;
  port: number;
  readonly pid: number;
  service: Service;
  /** Sends one command and returns Redis's reply. */
  send(command: string): Promise<string>;
  /** Stops it in an orderly way. May be called more than once, and after `kill`. */
  stop(): Promise<void>;
  /** Ends it as a power cut would. */
  kill(): Promise<void>;
};

/**
 * Starts a Redis on 127.0.0.1 that accepts commands when this returns, and that ends with this process.
 * Throws if there is no program or the given port is taken, with Redis's own message.
 */
export async function startRedisServer(options: RedisOptions = {}): Promise<RedisServer> {
  const command = options.command ?? (await findRedisProgram(process.env.PATH ?? ''));
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'redis-test-')));
  await mkdir(folder, { recursive: true });
  const removeFolder = () => {
    process.off('exit', removeFolder);
    if (options.folder === undefined) rmSync(folder, { recursive: true, force: true });
  };
  process.on('exit', removeFolder);
  try {
    const { port, service } = await startOnFreePort({
      ...options,
      command,
      folder,
      persistent: options.folder !== undefined,
    });
    return {
      url: `redis://127.0.0.1:${port}`,
      port,
      service,
      get pid() {
        return service.pid() ?? -1;
      },
      send: (text) => sendRedisCommand(port, text),
      async stop() {
        await service.stop();
        removeFolder();
      },
      async kill() {
        await service.kill();
        if (!options.supervised) removeFolder();
      },
    };
  } catch (error) {
    removeFolder();
    throw error;
  }
}

/** Returns the path of redis-server or valkey-server. Throws one sentence if neither is installed. */
export async function findRedisProgram(searchPath: string): Promise<string> {
  const file = await findProgram(REDIS_COMMANDS, searchPath);
  if (file === undefined) throw new Error('redis-server is not on the PATH: install it, or use --backend postgres');
  return file;
}

/**
 * Sends one command without spaces in its arguments and returns the reply, of a few kB at most, as the protocol words it.
 * Throws if Redis refuses it or does not reply.
 */
export async function sendRedisCommand(port: number, command: string): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1' });
  try {
    const reply = await new Promise<string>((resolve, reject) => {
      socket.once('error', reject).once('data', (data) => resolve(String(data)));
      socket.once('close', () => reject(new Error(`redis closed the connection at ${command}`)));
      socket.setTimeout(COMMAND_TIMEOUT_MS, () =>
        reject(new Error(`redis did not reply to ${command} within ${COMMAND_TIMEOUT_MS} ms`)),
      );
      socket.write(`${command}\r\n`);
    });
    if (reply.startsWith('-')) throw new Error(`redis refused ${command}: ${reply.trim()}`);
    return reply;
  } finally {
    socket.destroy();
  }
}

/** Waits, at most 30 s, until Redis accepts commands. */
export async function waitForRedis(port: number): Promise<void> {
  await waitFor(() => sendRedisCommand(port, 'PING').catch(() => undefined), { what: `Redis on port ${port}` });
}

type StartOptions = RedisOptions & { command: string; folder: string; persistent: boolean };

async function startOnFreePort(options: StartOptions): Promise<{ port: number; service: Service }> {
  const attempts = options.port === undefined ? PORT_ATTEMPTS : 1;
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await freePort());
    const service = createRedisService(options, port);
    try {
      await service.start();
      return { port, service };
    } catch (error) {
      await service.stop();
      if (attempt === attempts) throw error;
    }
  }
}

function createRedisService(options: StartOptions, port: number): Service {
  const { command, folder, persistent, fsync = 'always', logFile, supervised, onExit } = options;
  const persistence = persistent ? { appendonly: 'yes', appendfsync: fsync } : { appendonly: 'no' };
  const settings = { port, bind: '127.0.0.1', dir: folder, daemonize: 'no', save: '', ...persistence };
  const all = { ...settings, 'maxmemory-policy': 'noeviction', ...options.settings };
  const args = Object.entries(all).flatMap(([name, value]) => [`--${name}`, ...`${value}`.split(' ')]);
  const launch = (name: string) => startProcess({ name, file: command, args, readyLine: READY_LINE, logFile });
  return createService({ name: 'redis', launch, supervised, onExit });
}
