import { Cluster, Redis, type RedisOptions } from 'ioredis';
import pg from 'pg';
import { connectionTo } from '#postgres/connection.ts';
import { parseRedisUrl } from './address.ts';
import { QUEUE_TIMEOUT_MS } from './contract.ts';

export type RedisClient = Redis | Cluster;

/**
 * `socketTimeout`: a connection that brings nothing for this time, although a command waits, is closed; TCP alone would wait for
 * 15 minutes. `retryStrategy`: returns the milliseconds until the next attempt to connect, null for none.
 */
export type RedisConnectionOptions = {
  socketTimeout: number;
  maxRetriesPerRequest: number | null;
  commandTimeout?: number;
  enableOfflineQueue?: boolean;
  lazyConnect?: boolean;
  retryStrategy?: (times: number) => number | null;
};

/** Returns the milliseconds until the next attempt. BullMQ's default grows to 20 s, longer than the whole recovery may take. */
export function redisRetryMs(times: number): number {
  return Math.min(times * 100, 1_000);
}

const OPTIONS = {
  connectTimeout: QUEUE_TIMEOUT_MS,
  keepAlive: 5_000,
  retryStrategy: redisRetryMs,
  // The server was a primary and became a replica: connect again, and send the command to the new primary.
  reconnectOnError: (error: Error) => (error.message.startsWith('READONLY') ? (2 as const) : false),
} satisfies RedisOptions;

/** A sentinel may be as frozen as the primary. */
const SENTINEL_OPTIONS = {
  sentinelCommandTimeout: QUEUE_TIMEOUT_MS,
  sentinelRetryStrategy: redisRetryMs,
  // Closes the connection to a primary that has been replaced.
  failoverDetector: true,
} satisfies RedisOptions;

/** Opens a client of the queue's Redis. Close it with `disconnect()`. Throws if the URL is invalid. */
export function openRedis(url: string, options: RedisConnectionOptions): RedisClient {
  const connection = redisConnection(url, options);
  if (connection instanceof Cluster) return connection;
  return 'url' in connection ? new Redis(connection.url, connection) : new Redis(connection);
}

/** Returns what BullMQ opens its connections with: options, or a client of the cluster. BullMQ does not close that client. */
export function redisConnection(url: string, options: RedisConnectionOptions) {
  const address = parseRedisUrl(url);
  if (address.kind === 'server') return { url: address.url, ...OPTIONS, ...options };
  if (address.kind === 'sentinel') return { ...OPTIONS, ...SENTINEL_OPTIONS, ...address.options, ...options };
  const { retryStrategy, lazyConnect, enableOfflineQueue, ...ofNode } = { ...OPTIONS, ...options };
  return new Cluster(address.nodes, {
    clusterRetryStrategy: retryStrategy,
    slotsRefreshTimeout: QUEUE_TIMEOUT_MS,
    ...(lazyConnect === undefined ? {} : { lazyConnect }),
    ...(enableOfflineQueue === undefined ? {} : { enableOfflineQueue }),
    redisOptions: { ...ofNode, ...address.options },
  });
}

/**
 * Sends a command without keys to the server that has `key`. In a cluster it is a script: only commands with keys are redirected to
 * the node that replaced another one.
 */
export function sendToServerOf(client: RedisClient, key: string, ...command: [string, ...string[]]): Promise<unknown> {
  if (!(client instanceof Cluster)) return client.call(...command);
  return client.eval('return redis.call(unpack(ARGV))', 1, key, ...command);
}

/**
 * Returns the start of all keys of the queue. In a cluster they must be on one node, and `{}` decides it. A single server
 * keeps BullMQ's default, so that jobs of earlier versions are found.
 */
export function keyPrefix(url: string): string {
  return parseRedisUrl(url).kind === 'server' ? 'bull' : '{alerts}';
}

/** Returns the settings of a PostgreSQL connection for the queue. */
export function postgresOptions(url: string) {
  return {
    ...connectionTo(url),
    Client: QueueClient,
    connectionTimeoutMillis: QUEUE_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
    // Commits do not wait for the disk. A crash of PostgreSQL loses less than a second of the queue, and never rows: the
    // reconciler adds lost jobs again, and a job whose end was lost is delivered again and finds its row done.
    // PostgreSQL ends a statement before pg gives up on it: no backend waits behind a lock.
    options: `-c synchronous_commit=off -c statement_timeout=${QUEUE_TIMEOUT_MS - 500} -c idle_in_transaction_session_timeout=10000`,
  };
}

/** While BullMQ checks its schema, it does not listen for errors: a connection that ends then would end the process. */
class QueueClient extends pg.Client {
  constructor(config?: pg.ClientConfig) {
    super(config);
    this.on('error', () => {}); // the same error rejects the query
  }
}
