import type { TestProject } from 'vitest/node';
import { REDIS_COMMANDS, startRedisServer } from './redis.ts';
import { findOrInstallProgram, type Machine } from './system-packages.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** A Redis shared by the whole run: use a key prefix of your own. null: there is none, skip the suite. */
    redisUrl: string | null;
    /** For `startRedisServer`. null: no Redis can be started here, skip the suite. */
    redisCommand: string | null;
  }
}

export type RedisRequest = Machine & {
  /** A Redis that is already running; nothing is then started or installed. */
  testRedisUrl: string | undefined;
  /** true: a missing Redis is an error instead of a reason to skip. */
  required: boolean;
};

export type RedisForTests = {
  url: string | null;
  command: string | null;
  close(): Promise<void>;
};

/** Returns the Redis of the run. If it is required and missing, throws the sentence that says what to install. */
export async function prepareRedis(request: RedisRequest): Promise<RedisForTests> {
  const given = request.testRedisUrl;
  const machine = given ? { ...request, mayInstall: false } : request;
  const found = await findOrInstallProgram({ commands: REDIS_COMMANDS, aptPackage: 'redis-server' }, machine);
  if (given) return { url: given, command: 'path' in found ? found.path : null, close: async () => {} };
  if ('path' in found) {
    const server = await startRedisServer({ command: found.path });
    return { url: server.url, command: found.path, close: server.stop };
  }
  const sentence = `${found.missing}, or set TEST_REDIS_URL`;
  if (request.required) throw new Error(`${sentence}. With CI set, a missing program fails the run.`);
  request.print(`${sentence}. The suites that need Redis are skipped.`);
  return { url: null, command: null, close: async () => {} };
}

/** Starts one Redis for the whole run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { TEST_REDIS_URL, CI, PATH = '' } = process.env;
  const redis = await prepareRedis({
    testRedisUrl: TEST_REDIS_URL,
    required: Boolean(CI) && CI !== 'false',
    searchPath: PATH,
    mayInstall: process.getuid?.() === 0,
    print: (line) => process.stderr.write(`${line}\n`),
  });
  project.provide('redisUrl', redis.url);
  project.provide('redisCommand', redis.command);
  return redis.close;
}
