import type { PostgresQueueBackend, Queue } from 'bullmq';
import type { RedisClient } from './connection.ts';
import type { Waiting } from './fair-order.ts';

/** BullMQ's score of a waiting job: its priority times 2^32, plus a counter. */
const SCORES_PER_PRIORITY = 2 ** 32;

/** Reads what waits from BullMQ's keys on Redis: two commands in one round trip. */
export async function readWaitingOnRedis(
  client: RedisClient,
  queue: Pick<Queue, 'toKey' | 'waitUntilReady'>,
): Promise<Waiting> {
  await queue.waitUntilReady();
  const [first, length] = await Promise.all([
    client.zrange(queue.toKey('prioritized'), '0', '0', 'WITHSCORES'),
    client.llen(queue.toKey('wait')),
  ]);
  const score = first[1];
  if (score === undefined) return { first: undefined, empty: length === 0 };
  return { first: Math.max(1, Math.floor(Number(score) / SCORES_PER_PRIORITY)), empty: false };
}

// Both read one entry of BullMQ's index of waiting jobs.
const READ = `SELECT
  (SELECT priority FROM job WHERE queue = $1 AND state = 'waiting' AND priority > 0 ORDER BY priority, seq LIMIT 1) AS first,
  NOT EXISTS (SELECT FROM job WHERE queue = $1 AND state = 'waiting') AS empty`;

/** Reads what waits from BullMQ's table on PostgreSQL. */
export async function readWaitingOnPostgres(backend: PostgresQueueBackend, queueName: string): Promise<Waiting> {
  await backend.waitUntilReady();
  const { rows } = await backend.connection.pool.query(READ, [queueName]);
  return { first: rows[0]?.first == null ? undefined : Number(rows[0].first), empty: rows[0]?.empty === true };
}
