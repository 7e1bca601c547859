import { readFileSync } from 'node:fs';
import { runMigrations } from 'bullmq';
import pg from 'pg';
import { z } from 'zod';
import { queueFields } from './contract.ts';

/**
 * Prepares a PostgreSQL database for the queue, in its own schema `bullmq`; on Redis there is nothing to do. A second
 * caller waits for the first. Throws one sentence where the database cannot be reached.
 */
export async function migrateQueue(url: string): Promise<'migrated' | 'nothing to do'> {
  if (/^rediss?:/.test(url)) return 'nothing to do';
  // query_timeout: a peer that accepts and never answers; the first migration takes under a second.
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000, query_timeout: 60_000 });
  client.on('error', () => {}); // the same error rejects the query under way, or the next one
  try {
    await client.connect();
    await runMigrations(client);
    await client.query(LIMITS);
    return 'migrated';
  } catch (cause) {
    // A name with several addresses fails with an AggregateError, whose message is empty.
    const [first] = cause instanceof AggregateError ? cause.errors : [cause];
    const told = first instanceof Error ? first.message : String(first);
    throw new Error(`cannot prepare the queue in the database at ${new URL(url).host}: ${told}`, { cause });
  } finally {
    await client.end();
  }
}

// What limits.ts counts. Unlogged: after a crash everyone begins anew, which costs less than a write of the log each.
// In one statement, so one transaction: the lock lasts until all is there.
const LIMITS = `
SELECT pg_advisory_xact_lock(hashtext('limits'));
CREATE SCHEMA IF NOT EXISTS limits;
CREATE UNLOGGED TABLE IF NOT EXISTS limits.counts (key text PRIMARY KEY, hits integer NOT NULL, resets_at timestamptz NOT NULL);`;

const QUEUE_WORDS = { 'nothing to do': 'the queue is on Redis: nothing to prepare', migrated: 'the queue is prepared' };

const FIELDS = z.object({
  ...queueFields,
  // The truth's own room words it alike; this one may not ask there.
  DATABASE_URL: z
    .url({ protocol: /^postgres(ql)?$/, error: 'must be a URL like postgres://user:password@host:5432/name' })
    .optional(),
});

async function main(env: NodeJS.ProcessEnv): Promise<string> {
  const parsed = FIELDS.safeParse({
    QUEUE_URL: settingOf(env, 'QUEUE_URL'),
    DATABASE_URL: settingOf(env, 'DATABASE_URL'),
  });
  if (!parsed.success) throw new Error(parsed.error.issues.map((i) => `${i.path.join('.')}: ${i.message}`).join('\n'));
  const url = parsed.data.QUEUE_URL ?? parsed.data.DATABASE_URL;
  if (url === undefined) throw new Error('QUEUE_URL or DATABASE_URL: one of them is required');
  return QUEUE_WORDS[await migrateQueue(url)];
}

/** As in the other entries: `NAME_FILE` names a file that holds the value, empty counts as unset. */
function settingOf(env: NodeJS.ProcessEnv, name: string): string | undefined {
  const file = env[`${name}_FILE`];
  if (!file) return env[name] || undefined;
  if (env[name]) throw new Error(`${name}: set ${name} or ${name}_FILE, not both`);
  try {
    return readFileSync(file, 'utf8').trim() || undefined;
  } catch (cause) {
    throw new Error(`${name}_FILE: cannot read ${file}`, { cause });
  }
}

if (import.meta.main) {
  await main(process.env).then(
    (line) => process.stdout.write(`${line}\n`),
    (error: Error) => {
      process.stderr.write(`${error.message}\n`);
      process.exitCode = 1;
    },
  );
}
