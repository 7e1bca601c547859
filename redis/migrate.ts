import { readFileSync } from 'node:fs';
import { runMigrations } from 'bullmq';
import pg from 'pg';
import { z } from 'zod';
import { addressOf, databaseUrlField } from '#config/database-url.ts';
import { connectionTo } from '#postgres/connection.ts';
import { isRedis } from './address.ts';
import { QUEUE_NAMES, queueFields } from './contract.ts';

/**
 * Creates the queue's schema `bullmq` and the schema `limits` in a PostgreSQL database; Redis needs nothing. A second call
 * waits for the first. Throws if the database is unreachable.
 */
export async function migrateQueue(url: string): Promise<'migrated' | 'nothing to do'> {
  if (isRedis(url)) return 'nothing to do';
  // query_timeout: for a peer that accepts and never responds; the first migration takes less than a second.
  const client = new pg.Client({ ...connectionTo(url), connectionTimeoutMillis: 5_000, query_timeout: 60_000 });
  client.on('error', () => {}); // the same error rejects the query in progress, or the next one
  try {
    await client.connect();
    await runMigrations(client);
    for (const name of QUEUE_NAMES) await client.query(JOB_ID_SEQUENCE, [name]);
    await client.query(LIMITS_SCHEMA);
    return 'migrated';
  } catch (cause) {
    // A host name with several addresses fails with an AggregateError, whose message is empty.
    const [first] = cause instanceof AggregateError ? cause.errors : [cause];
    const message = first instanceof Error ? first.message : String(first);
    throw new Error(`cannot prepare the queue in the database at ${addressOf(url)}: ${message}`, { cause });
  } finally {
    await client.end();
  }
}

// BullMQ creates a queue's sequence when it first adds jobs in bulk, which the application's role may not do.
const JOB_ID_SEQUENCE = 'SELECT bullmq.next_job_id($1)';

// The counters of rate-limit-store.ts. Unlogged, because a crash may reset them and each update would cost a write to the
// log. Sent as one script, so one transaction: the lock is held until everything exists.
const LIMITS_SCHEMA = `
SELECT pg_advisory_xact_lock(hashtext('limits'));
CREATE SCHEMA IF NOT EXISTS limits;
CREATE UNLOGGED TABLE IF NOT EXISTS limits.counts (key text PRIMARY KEY, hits integer NOT NULL, resets_at timestamptz NOT NULL);`;

const MESSAGES = { 'nothing to do': 'the queue is on Redis: nothing to prepare', migrated: 'the queue is prepared' };

const FIELDS = z.object({
  QUEUE_URL: queueFields.QUEUE_URL,
  DATABASE_URL: databaseUrlField.optional(),
  DATABASE_DIRECT_URL: databaseUrlField.optional(),
});

async function main(env: NodeJS.ProcessEnv): Promise<string> {
  const parsed = FIELDS.safeParse({
    QUEUE_URL: settingOf(env, 'QUEUE_URL'),
    DATABASE_URL: settingOf(env, 'DATABASE_URL'),
    DATABASE_DIRECT_URL: settingOf(env, 'DATABASE_DIRECT_URL'),
  });
  if (!parsed.success) throw new Error(parsed.error.issues.map((i) => `${i.path.join('.')}: ${i.message}`).join('\n'));
  const { QUEUE_URL, DATABASE_DIRECT_URL, DATABASE_URL } = parsed.data;
  const url = QUEUE_URL ?? DATABASE_DIRECT_URL ?? DATABASE_URL;
  if (url === undefined) throw new Error('QUEUE_URL or DATABASE_URL: one of them is required');
  return MESSAGES[await migrateQueue(url)];
}

/** As in config/parse.ts: `NAME_FILE` names a file that contains the value; an empty value counts as unset. */
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
