import { connectionTo } from '#postgres/connection.ts';
import { QUEUE_TIMEOUT_MS } from './contract.ts';

/** Returns whether the queue is on Redis; otherwise it is on PostgreSQL. */
export function isRedis(url: string): boolean {
  return /^rediss?:/.test(url);
}

// socketTimeout: closes a connection whose peer is gone; TCP alone would wait for 15 minutes.
// retryStrategy: BullMQ's default grows to 20 s, longer than the whole recovery may take.
export const REDIS_OPTIONS = {
  connectTimeout: QUEUE_TIMEOUT_MS,
  keepAlive: 5_000,
  retryStrategy: (times: number) => redisRetryMs(times),
};

export function redisRetryMs(times: number): number {
  return Math.min(times * 100, 1_000);
}

/** Returns the settings of a PostgreSQL connection for the queue. */
export function postgresOptions(url: string) {
  return {
    ...connectionTo(url),
    connectionTimeoutMillis: QUEUE_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
    // Commits do not wait for the disk. A crash of PostgreSQL loses less than a second of the queue, and never rows: the
    // reconciler adds lost jobs again, and a job whose end was lost is delivered again and finds its row done.
    // PostgreSQL ends a statement before pg gives up on it: no backend waits behind a lock.
    options: `-c synchronous_commit=off -c statement_timeout=${QUEUE_TIMEOUT_MS - 500} -c idle_in_transaction_session_timeout=10000`,
  };
}
