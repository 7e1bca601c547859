import { Redis } from 'ioredis';
import pg from 'pg';

/** Adds to the count under a key, which begins anew when its window has passed. */
export type CountStore = {
  /** The count with `hits` added, and the milliseconds left of its window. Rejects where the store is away. */
  add(key: string, hits: number, windowMs: number): Promise<{ total: number; leftMs: number }>;
  close(): Promise<void>;
};

// A request may wait so long, and is then counted without the store: one in many, as limits.ts leaves a store that failed
// alone. A shorter time would take a busy process of our own for a store that is away.
export const COUNT_MS = 1_000;

/** Opens the counts beside the queue, lazily: on Redis under keys of their own, on PostgreSQL in the schema `limits`. */
export function openCountStore(url: string, onError: (error: Error) => void): CountStore {
  return /^rediss?:/.test(url) ? openOnRedis(url, onError) : openOnPostgres(url, onError);
}

const ADD = `
local total = redis.call('INCRBY', KEYS[1], ARGV[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  left = tonumber(ARGV[2])
end
return { total, left }`;

function openOnRedis(url: string, onError: (error: Error) => void): CountStore {
  const client = new Redis(url, {
    lazyConnect: true,
    connectTimeout: 3_000,
    commandTimeout: COUNT_MS,
    // A connection that died without a word is given up, not only its command.
    socketTimeout: 2_000,
    maxRetriesPerRequest: 0,
    keepAlive: 5_000,
    retryStrategy: (times) => Math.min(times * 100, 1_000),
  });
  // The text alone: ioredis hangs the command on its errors, for AUTH with the password.
  client.on('error', (error: Error) => onError(new Error(error.message)));
  return {
    async add(key, hits, windowMs) {
      const [total, left] = Object(await client.eval(ADD, 1, `limits:${key}`, hits, windowMs));
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

const SWEEP_MS = 60_000;

function openOnPostgres(url: string, onError: (error: Error) => void): CountStore {
  const pool = new pg.Pool({
    connectionString: url,
    max: 2,
    connectionTimeoutMillis: 3_000,
    query_timeout: 3_000,
    keepAlive: true,
    allowExitOnIdle: true,
  });
  pool.on('error', (error) => onError(new Error(error.message)));
  let swept = 0;
  return {
    async add(key, hits, windowMs) {
      if (Date.now() - swept > SWEEP_MS) {
        swept = Date.now();
        // Who came once is not kept for ever; a sweep that fails is made up for by the next one.
        pool.query('DELETE FROM limits.counts WHERE resets_at < now()').catch(() => {});
      }
      const { rows } = await pool.query({ name: 'count', text: UPSERT, values: [key, hits, windowMs] });
      return { total: Number(rows[0]?.hits), leftMs: Number(rows[0]?.left) };
    },
    close: () => pool.end(),
  };
}
