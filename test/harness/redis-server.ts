import { mkdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { findProgram } from './programs.ts';

/** Path of redis-server or valkey-server. Throws one sentence where neither is on the PATH. */
export async function findRedis(searchPath: string): Promise<string> {
  const file = await findProgram(['redis-server', 'valkey-server'], searchPath);
  if (file === undefined) throw new Error('redis-server is not on the PATH: install it, or take --backend postgres');
  return file;
}

/** The arguments of a Redis that keeps its append-only file in `folder`, set as redis/redis.conf sets it. */
export async function redisArguments(folder: string, port: number): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const settings = { port, bind: '127.0.0.1', dir: folder, save: '', appendonly: 'yes', appendfsync: 'everysec' };
  return Object.entries({ ...settings, 'maxmemory-policy': 'noeviction' }).flatMap(([k, v]) => [`--${k}`, `${v}`]);
}

/** What Redis says when it takes commands; earlier versions said it in other words. */
export const REDIS_READY = /Ready to accept connections/;

const QUEUE_TIMEOUT_MS = 5_000;

/**
 * Sends one command without blanks in its arguments and gives its answer, of a few kB at most, as the protocol words it.
 * Throws where Redis refuses it or is silent.
 */
export async function askRedis(port: number, command: string): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1' });
  try {
    const answer = await new Promise<string>((resolve, reject) => {
      socket.once('error', reject).once('data', (data) => resolve(String(data)));
      socket.setTimeout(QUEUE_TIMEOUT_MS, () =>
        reject(new Error(`redis did not answer ${command} within ${QUEUE_TIMEOUT_MS} ms`)),
      );
      socket.write(`${command}\r\n`);
    });
    if (answer.startsWith('-')) throw new Error(`redis refused ${command}: ${answer.trim()}`);
    return answer;
  } finally {
    socket.destroy();
  }
}

/** Waits, at most 30 s, until Redis takes commands. */
export async function redisAnswers(port: number): Promise<void> {
  for (const deadline = Date.now() + 30_000; ; ) {
    try {
      await askRedis(port, 'PING');
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(50);
    }
  }
}
