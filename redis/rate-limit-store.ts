import pg from 'pg';
import { connectionTo } from '#postgres/connection.ts';
import { isRedis } from './address.ts';
import { openRedis } from './connection.ts';

/** Counters with a window: a counter starts at zero again when its window has ended. */
export type CounterStore = {
  /** Adds points and returns the total and the rest of the window in ms. Rejects if the store is unavailable. */
  add(key: string, points: number, windowMs: number): Promise<{ total: number; leftMs: number }>;
  close(): Promise<void>;
};

// A request waits at most this long, then it is counted without the store. Few requests do: rate-limit.ts does not use a
// failed store for some seconds. With a shorter time, a busy process of this project would look like an unavailable store.
export const STORE_TIMEOUT_MS = 1_000;

/** Opens the counters lazily in the queue's backend: keys `limits:…` on Redis, the schema `limits` on PostgreSQL. */
export function openCounterStore(url: string, onError: (error: Error) => void): CounterStore {
  return isRedis(url) ? openOnRedis(url, onError) : openOnPostgres(url, onError);
}

const ADD = `
local total = redis.call('INCRBY', KEYS[1], ARGV[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  left = tonumber(ARGV[2])
end
return { total, left }`;

function openOnRedis(url: string, onError: (error: Error) => void): CounterStore {
  const client = openRedis(url, {
    lazyConnect: true,
    commandTimeout: STORE_TIMEOUT_MS,
    // Closes a connection whose peer is gone, not only the command.
    socketTimeout: 2_000,
    maxRetriesPerRequest: 0,
  });
  // The message alone: ioredis attaches the command to its errors, AUTH with the password too.
  client.on('error', (error: Error) => onError(new Error(error.message)));
  return {
    async add(key, points, windowMs) {
      const [total, left] = Object(await client.eval(ADD, 1, `limits:${key}`, points, windowMs));
      return { total: Number(total), leftMs: Number(left) };
    },
    async close() {
      client.disconnect();
    },
  };
}

const UPSERT = `
INSERT INTO limits.counts AS c (key, hits, resets_at) VALUES ($1, $2, now() + $3 * interval '1 ms')
ON CONFLICT (key) DO UPDATE SET
  hits = CASE WHEN c.resets_at <= now() THEN 0 ELSE c.hits END + EXCLUDED.hits,
  resets_at = CASE WHEN c.resets_at <= now() THEN EXCLUDED.resets_at ELSE c.resets_at END
RETURNING hits, extract(epoch FROM resets_at - now()) * 1000 AS left`;

const CLEANUP_MS = 60_000;

function openOnPostgres(url: string, onError: (error: Error) => void): CounterStore {
  const pool = new pg.Pool({
    ...connectionTo(url),
    max: 2,
    connectionTimeoutMillis: 3_000,
    query_timeout: 3_000,
    options: '-c statement_timeout=2500 -c idle_in_transaction_session_timeout=10000',
    keepAlive: true,
    allowExitOnIdle: true,
  });
  pool.on('error', (error) => onError(new Error(error.message)));
  let cleanedUp = 0;
  return {
    async add(key, points, windowMs) {
      if (Date.now() - cleanedUp > CLEANUP_MS) {
        cleanedUp = Date.now();
        // Removes clients that do not return. If it fails, the next one succeeds.
        pool.query('DELETE FROM limits.counts WHERE resets_at < now()').catch(() => {});
      }
      const { rows } = await pool.query({ name: 'limits_count', text: UPSERT, values: [key, points, windowMs] });
      return { total: Number(rows[0]?.hits), leftMs: Number(rows[0]?.left) };
    },
    close: () => pool.end(),
  };
}
