import type { TestProject } from 'vitest/node';
import { findSystemPart, type Machine } from './system-packages.ts';
import { REDIS_COMMANDS, startRedisServer } from './test-redis.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** A real Redis, shared by the run: use a key prefix of your own. null: there is none, skip the suite. */
    redisUrl: string | null;
    /** For `startRedisServer`. null: no Redis of one's own can be started here, skip the suite. */
    redisCommand: string | null;
  }
}

export interface RedisWish extends Machine {
  /** A Redis that runs already; nothing is then started or installed. */
  testRedisUrl: string | undefined;
  /** True: a missing Redis is an error, not a skip. */
  required: boolean;
}

export interface RedisForTests {
  url: string | null;
  command: string | null;
  close(): Promise<void>;
}

/** @throws where Redis is required and missing, with the sentence that says what to install. */
export async function prepareRedis(wish: RedisWish): Promise<RedisForTests> {
  const given = wish.testRedisUrl;
  const machine = given ? { ...wish, mayInstall: false } : wish;
  const found = await findSystemPart({ commands: REDIS_COMMANDS, aptPackage: 'redis-server' }, machine);
  if (given) return { url: given, command: 'path' in found ? found.path : null, close: async () => {} };
  if ('path' in found) {
    const server = await startRedisServer({ command: found.path });
    return { url: server.url, command: found.path, close: server.stop };
  }
  const sentence = `${found.missing}, or set TEST_REDIS_URL`;
  if (wish.required) throw new Error(`${sentence}. With CI set a missing part fails the run.`);
  wish.say(`${sentence}. The suites that need Redis are skipped.`);
  return { url: null, command: null, close: async () => {} };
}

/** One Redis for the whole run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { TEST_REDIS_URL, CI, PATH = '' } = process.env;
  const redis = await prepareRedis({
    testRedisUrl: TEST_REDIS_URL,
    required: Boolean(CI) && CI !== 'false',
    searchPath: PATH,
    mayInstall: process.getuid?.() === 0,
    say: (line) => process.stderr.write(`${line}\n`),
  });
  project.provide('redisUrl', redis.url);
  project.provide('redisCommand', redis.command);
  return redis.close;
}
