import { cp, rename, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { waitForRedis } from '#test/harness/redis.ts';
import type { TcpProxy } from '#test/harness/tcp-proxy.ts';
import { withClient } from './copy-database.ts';
import type { FaultKind, PlannedFault } from './faults.ts';
import { PICTURE_INJECTIONS } from './picture-faults.ts';
import type { ChaosStack } from './stack.ts';

/** Injects a fault and reverts it. */
type Injection = (stack: ChaosStack, fault: PlannedFault, signal: AbortSignal) => Promise<void>;

/** The faults that do not hit a process. */
export const INJECTIONS: Partial<Record<FaultKind, Injection>> = {
  async 'disconnect redis clients'({ redis }) {
    await redis?.send('CLIENT KILL TYPE normal');
  },
  'freeze queue': ({ queueProxy }, { durationMs }, signal) => freeze(queueProxy, durationMs, signal, 'resume'),
  'half-open queue': ({ queueProxy }, { durationMs }, signal) => freeze(queueProxy, durationMs, signal, 'abandon'),
  'flush queue': (stack) => stack.flushQueue(),
  'delete queue keys': deleteQueueKeys,
  'fill redis': fillRedis,
  'restore redis': restoreRedis,
  'disconnect database clients': ({ database }) => database.disconnectClients(),
  // There is only one database: `replica` decides whether it stops in order or crashes.
  'restart database': ({ database }, { replica }) => database.restart({ crash: replica === 1 }),
  'freeze database': ({ database }, { durationMs }, signal) => freeze(database.proxy, durationMs, signal, 'resume'),
  'half-open database': ({ database }, { durationMs }, signal) => freeze(database.proxy, durationMs, signal, 'abandon'),
  'lock table': lockTable,
  'fail writes': failWrites,
  'restore database': ({ database }) => database.restore(),
  'open transaction': openTransaction,
  ...PICTURE_INJECTIONS,
};

/** Resolves after the time, or at once when the signal aborts. */
export async function sleepOrAbort(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}

async function freeze(
  proxy: TcpProxy,
  durationMs: number,
  signal: AbortSignal,
  afterwards: 'resume' | 'abandon',
): Promise<void> {
  proxy.freeze();
  await sleepOrAbort(durationMs, signal);
  proxy.thaw(afterwards);
}

/** `replica` chooses the lock: of an index build, which blocks writes, or of ALTER TABLE, which blocks reads, too. */
async function lockTable(
  { database }: ChaosStack,
  { replica, durationMs }: PlannedFault,
  signal: AbortSignal,
): Promise<void> {
  await withClient(database.directUrl(), async (client) => {
    await client.query('BEGIN');
    await client.query(`LOCK TABLE alerts IN ${replica === 0 ? 'SHARE' : 'ACCESS EXCLUSIVE'} MODE`);
    await sleepOrAbort(durationMs, signal);
    await client.query('ROLLBACK');
  });
}

/** `replica` chooses the writes: results and releases while claims succeed, or all. */
async function failWrites(
  { database }: ChaosStack,
  { replica, durationMs }: PlannedFault,
  signal: AbortSignal,
): Promise<void> {
  await database.setFailingWrites(replica === 0 ? 'results' : 'all');
  await sleepOrAbort(durationMs, signal);
  await database.setFailingWrites('none');
}

/** Keeps a transaction with an id open in another database of the server. A fault of the database may end it early. */
async function openTransaction(
  { database }: ChaosStack,
  { durationMs }: PlannedFault,
  signal: AbortSignal,
): Promise<void> {
  const url = new URL(database.directUrl());
  url.pathname = '/postgres';
  const transaction = withClient(url.href, async (client) => {
    await client.query('BEGIN');
    await client.query('SELECT pg_current_xact_id()');
    await sleepOrAbort(durationMs, signal);
    await client.query('ROLLBACK');
  });
  await transaction.catch((error: unknown) => {
    if (!isLostConnection(error)) throw error;
  });
}

/** Returns whether the server is starting, stopping or gone, or has ended the session. */
function isLostConnection(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? String(error.code) : '';
  return /^(57P0|ECONN|EPIPE)/.test(code) || /Connection terminated|connection error|not queryable/.test(error.message);
}

const PASS_PAUSE_MS = 50;

/** Deletes one key, or one job on PostgreSQL, after another, as `redis-cli --scan | xargs del` does, for the whole duration. */
async function deleteQueueKeys(stack: ChaosStack, { durationMs }: PlannedFault, signal: AbortSignal): Promise<void> {
  const deleteAll = stack.redis ? deleteRedisKeys(stack.redis.url) : deleteJobs(stack.database.directUrl());
  for (const deadline = Date.now() + durationMs; Date.now() < deadline && !signal.aborted; await sleep(PASS_PAUSE_MS)) {
    await deleteAll();
  }
}

function deleteRedisKeys(url: string): () => Promise<void> {
  return async () => {
    const redis = new Redis(url);
    try {
      for await (const keys of redis.scanStream({ match: 'bull:*', count: 100 })) {
        for (const key of keys) await redis.del(key);
      }
    } finally {
      redis.disconnect();
    }
  };
}

function deleteJobs(url: string): () => Promise<void> {
  return () =>
    withClient(url, async (client) => {
      const { rows } = await client.query<{ id: string }>('SELECT id FROM bullmq.job');
      for (const { id } of rows) await client.query('DELETE FROM bullmq.job WHERE id = $1', [id]);
    });
}

/** Above this share of the limit, the stack adds no jobs; it must still be able to take those that wait. */
const NEARLY_FULL = 0.95;

/** Lowers the memory limit of Redis, with `replica` 0 to just above what it uses, with 1 to less. */
async function fillRedis(
  { redis }: ChaosStack,
  { replica, durationMs }: PlannedFault,
  signal: AbortSignal,
): Promise<void> {
  if (!redis) throw new Error('no Redis');
  const used = Number(/used_memory:(\d+)/.exec(await redis.send('INFO memory'))?.[1]);
  await redis.send(`CONFIG SET maxmemory ${Math.round(replica === 0 ? used / NEARLY_FULL : used * NEARLY_FULL)}`);
  await sleepOrAbort(durationMs, signal);
  await redis.send('CONFIG SET maxmemory 0');
}

const STOP_MS = 50;

/** Copies the data of Redis, and replaces it with this old copy after the duration. */
async function restoreRedis(
  { redis, redisFolder }: ChaosStack,
  { durationMs }: PlannedFault,
  signal: AbortSignal,
): Promise<void> {
  if (!redis) throw new Error('no Redis');
  const [old, replaced] = [`${redisFolder}-old`, `${redisFolder}-replaced`];
  redis.service.pause();
  await sleep(STOP_MS);
  await cp(redisFolder, old, { recursive: true });
  redis.service.resume();
  await sleepOrAbort(durationMs, signal);
  redis.service.pause();
  await rename(redisFolder, replaced);
  await rename(old, redisFolder);
  await redis.kill();
  await waitForRedis(redis.port);
  await rm(replaced, { recursive: true });
}
