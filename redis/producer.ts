import { createRedisBackend, type Queue, type Telemetry, withBackend } from 'bullmq';
import { isRedis } from './address.ts';
import { keyPrefix, openRedis, postgresOptions, sendToServerOf } from './connection.ts';
import { KEEP_COMPLETED, QUEUE_NAME, QUEUE_TIMEOUT_MS, type QueueName } from './contract.ts';
import type { Waiting } from './fair-order.ts';
import type { FindLostJobs } from './lost-jobs.ts';
import { findLostJobsOnPostgres } from './lost-jobs-postgres.ts';
import { findLostJobsOnRedis } from './lost-jobs-redis.ts';
import { createBatchedBackend } from './postgres-batches.ts';
import { type PromoteJobs, promoteOnPostgres, promoteOnRedis } from './promote.ts';
import { removeNewestJobs } from './relief.ts';
import { excessJobs, type RedisMemory } from './usage.ts';
import { readWaitingOnPostgres, readWaitingOnRedis } from './waiting.ts';

export type OpenQueue = {
  bull: Queue;
  findLost: FindLostJobs;
  waiting: () => Promise<Waiting>;
  promote: PromoteJobs;
  memory?: () => Promise<RedisMemory>;
  /** Returns the version of Redis. */
  version?: () => Promise<string>;
  /** Returns the number of jobs removed from a full Redis. */
  relieve?: () => Promise<number>;
  /** One round trip. Rejects if the queue cannot be used. */
  probe(): Promise<unknown>;
  close(): Promise<void>;
};

/** Opens BullMQ's queue on the URL's backend. After a failed first connection BullMQ never connects: open another one. */
export function openQueue(url: string, name: QueueName, telemetry?: Telemetry): OpenQueue {
  return isRedis(url) ? openRedisQueue(url, name, telemetry) : openPostgresQueue(url, name, telemetry);
}

/** Returns whether completed jobs are kept for a while. */
export function keepsCompletedJobs(url: string): boolean {
  return isRedis(url);
}

function openRedisQueue(url: string, name: QueueName, telemetry?: Telemetry): OpenQueue {
  // Our own client: BullMQ cannot close one that waits for its next connection attempt.
  const client = openRedis(url, {
    socketTimeout: QUEUE_TIMEOUT_MS,
    // While Redis is unavailable, commands fail at once instead of waiting for it.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
  });
  client.on('error', () => {}); // BullMQ forwards them until it is closed; without a listener ioredis prints them
  const bull = new (withBackend(createRedisBackend).Queue)(name, {
    connection: client,
    prefix: keyPrefix(url),
    // A trigger has no result to look at.
    defaultJobOptions: { removeOnComplete: name === QUEUE_NAME ? KEEP_COMPLETED : true },
    ...(telemetry ? { telemetry } : {}),
  });
  const info = async (section: string) => {
    await bull.waitUntilReady();
    return String(await sendToServerOf(client, bull.toKey(''), 'INFO', section));
  };
  const memory = async () => parseMemory(await info('memory'));
  return {
    bull,
    findLost: findLostJobsOnRedis(client, bull),
    waiting: () => readWaitingOnRedis(client, bull),
    promote: promoteOnRedis(bull),
    memory,
    version: async () => /^redis_version:(\S+)/m.exec(await info('server'))?.[1] ?? 'unknown',
    async probe() {
      await bull.waitUntilReady();
      // Rejected like writes while the append-only file cannot be written, for example because the disk is full.
      await sendToServerOf(client, bull.toKey(''), 'PING');
    },
    relieve: async () => removeNewestJobs(client, bull, excessJobs(await memory())),
    async close() {
      await bull.close().finally(() => client.disconnect());
    },
  };
}

/** Buffers of the append-only file and of replicas do not count towards maxmemory. */
function parseMemory(info: string): RedisMemory {
  const bytes = (field: string) => Number(new RegExp(`^${field}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);
  return { used: bytes('used_memory') - bytes('mem_not_counted_for_evict'), max: bytes('maxmemory') };
}

function openPostgresQueue(url: string, name: QueueName, telemetry?: Telemetry): OpenQueue {
  const max = name === QUEUE_NAME ? 4 : 2;
  const connection = { ...postgresOptions(url), max, query_timeout: QUEUE_TIMEOUT_MS };
  const bull = new (withBackend(createBatchedBackend).Queue)(name, {
    connection,
    defaultJobOptions: { removeOnComplete: true },
    ...(telemetry ? { telemetry } : {}),
  });
  // The same class; the types differ only in the backend parameter.
  return {
    bull: bull as unknown as Queue,
    findLost: findLostJobsOnPostgres(bull.getBackend(), name),
    waiting: () => readWaitingOnPostgres(bull.getBackend(), name),
    promote: promoteOnPostgres(bull.getBackend(), name),
    // Reads one row of the queue's settings. Counting jobs would read them all.
    probe: () => bull.isPaused(),
    close: () => bull.close(),
  };
}
