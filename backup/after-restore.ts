import type pg from 'pg';
import { keyId, open } from '#destinations/secret-box.ts';
import { openAlertQueue } from '#redis/queue.ts';

export type Released = { alerts: number; sessions: number };

/** Columns that show that a picture or a copy was being made. */
const PROGRESS = [
  ['pictures', 'crashes'],
  ['copies', 'progress'],
] as const;
const COLUMN = 'SELECT FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = $2 AND NOT attisdropped';

/**
 * Ends what was in progress at the time of the backup, in the caller's transaction: attempts are released and do not count,
 * as at a regular stop of a worker. Deliveries keep their times: their leases have ended. Browsers have to log in again,
 * because a session that was closed since then would be valid again.
 */
export async function endLeases(client: pg.Client): Promise<Released> {
  // Their update stays as old as it was, so that the reconciler finds them at once.
  const alerts = await client.query(`UPDATE public.alerts SET status = 'pending', next_attempt_at = NULL,
    attempts = GREATEST(attempts - 1, attempts_before) WHERE status = 'processing'`);
  for (const [table, column] of PROGRESS) {
    // A backup of an earlier version can lack the column, until this version's migrations add it.
    const found = await client.query(COLUMN, [`public.${table}`, column]);
    if (!found.rowCount) continue;
    await client.query(`UPDATE public.${table} SET ${column} = 0, next_attempt_at = LEAST(next_attempt_at, now())
      WHERE status = 'pending' AND ${column} > 0`);
  }
  const sessions = await client.query('DELETE FROM public.sessions');
  return { alerts: alerts.rowCount ?? 0, sessions: sessions.rowCount ?? 0 };
}

/** Returns one sentence per destination whose secrets cannot be opened with this key. */
export async function findSealedSecrets(client: pg.Client, key: Buffer | undefined): Promise<string[]> {
  const { rows } = await client.query<{ id: string; name: string; secrets: Buffer }>(
    'SELECT id::text, name, secrets FROM public.destinations WHERE secrets IS NOT NULL AND deleted_at IS NULL ORDER BY name',
  );
  return rows.flatMap(({ id, name, secrets }) => {
    const needed = secrets.subarray(1, 9).toString('hex');
    if (key === undefined)
      return [`the destination ${name} needs the SECRETS_KEY ${needed}, and SECRETS_KEY is not set`];
    try {
      open(key, id, secrets);
      return [];
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return [`the destination ${name} cannot be used: ${reason} (given: ${keyId(key)})`];
    }
  });
}

/** Returns one sentence if the queue has jobs, or cannot be read; undefined if it is empty. */
export async function describeQueue(url: string): Promise<string | undefined> {
  const queue = openAlertQueue(url, () => {}); // the call below throws the same error
  try {
    const { jobs } = await queue.state();
    const count = jobs.waiting + jobs.active + jobs.delayed;
    if (count === 0) return undefined;
    return `the queue of QUEUE_URL has ${count} jobs of another database: empty it before the start. Jobs of unknown alerts are ignored`;
  } catch (error) {
    return `the queue of QUEUE_URL cannot be read (${error instanceof Error ? error.message : error}): it should be empty`;
  } finally {
    await queue.close();
  }
}
