import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export const REDIS_COMMANDS = ['redis-server', 'valkey-server'] as const;

const STOP_TIME_LIMIT_MS = 5_000;
/** Another program may take a free port between our asking for it and Redis binding it. */
const PORT_TRIES = 3;

export interface RedisServer {
  /** redis://127.0.0.1:port */
  url: string;
  port: number;
  pid: number;
  /** Ends it in an orderly way; may be called more than once, and after `kill`. */
  stop(): Promise<void>;
  /** Ends it as a power cut would. */
  kill(): Promise<void>;
}

export interface RedisServerOptions {
  /** Default: a free one. */
  port?: number;
  /** Keeps every write in this folder, so that a server started there again has them. Default: nothing is kept. */
  dir?: string;
  /** Path of the program. Default: redis-server, else valkey-server, from the PATH. */
  command?: string | undefined;
}

/**
 * Starts a Redis of one's own on 127.0.0.1, ready for commands when this returns. It ends with this process.
 * @throws when no program is found or the given port is taken, with what Redis said.
 */
export async function startRedisServer(options: RedisServerOptions = {}): Promise<RedisServer> {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'redis-test-')));
  const removeFolder = () => {
    process.off('exit', removeFolder);
    if (options.dir === undefined) rmSync(dir, { recursive: true, force: true });
  };
  process.on('exit', removeFolder);
  try {
    const { child, pid, port } = await spawnOnPort(options, dir);
    const end = async (signal: NodeJS.Signals) => {
      await endChild(child, signal);
      removeFolder();
    };
    const url = `redis://127.0.0.1:${port}`;
    return { url, port, pid, stop: () => end('SIGTERM'), kill: () => end('SIGKILL') };
  } catch (error) {
    removeFolder();
    throw error;
  }
}

async function spawnOnPort(options: RedisServerOptions, dir: string) {
  const tries = options.port === undefined ? PORT_TRIES : 1;
  for (let left = tries; ; left -= 1) {
    const port = options.port ?? (await freePort());
    try {
      return { port, ...(await spawnRedis(options, port, dir)) };
    } catch (error) {
      if (left <= 1) throw error;
    }
  }
}

async function spawnRedis(options: RedisServerOptions, port: number, dir: string) {
  const kept = options.dir === undefined ? ['no'] : ['yes', '--appendfsync', 'always'];
  const args = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', dir, '--daemonize', 'no', '--logfile', ''];
  args.push('--save', '', '--appendonly', ...kept, '--maxmemory-policy', 'noeviction');
  for (const command of options.command ? [options.command] : REDIS_COMMANDS) {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const pid = await spawned(child);
    if (pid === undefined) continue;
    await ready(child);
    return { child, pid };
  }
  throw new Error(`neither ${options.command ?? REDIS_COMMANDS.join(' nor ')} could be started: install redis-server`);
}

/** @returns the process id, or undefined where there is no such program. */
async function spawned(child: ChildProcess): Promise<number | undefined> {
  try {
    await once(child, 'spawn');
    return child.pid;
  } catch {
    return undefined;
  }
}

/** Waits for Redis' own word that it accepts connections; its last words are the error when it ends instead. */
async function ready(child: ChildProcess): Promise<void> {
  const killWithUs = () => child.kill('SIGKILL');
  process.once('exit', killWithUs);
  child.once('exit', () => process.off('exit', killWithUs));
  const said: string[] = [];
  if (!child.stdout) throw new Error('redis-server was started without a pipe for its log');
  for await (const line of createInterface({ input: child.stdout })) {
    said.push(line);
    if (line.includes('Ready to accept connections')) {
      child.stdout.resume();
      return;
    }
  }
  throw new Error(`redis-server did not start: ${said.slice(-3).join(' | ')}`);
}

async function endChild(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  const lastResort = setTimeout(() => child.kill('SIGKILL'), STOP_TIME_LIMIT_MS);
  await exited;
  clearTimeout(lastResort);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('a TCP server without a port');
  return address.port;
}
