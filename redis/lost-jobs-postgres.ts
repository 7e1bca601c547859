import type { PostgresQueueBackend } from 'bullmq';
import { type FindLostJobs, MAX_LOCK_MS } from './lost-jobs.ts';

// BullMQ's table; a job is one row, found by its primary key.
const LIVE = `(job.state = 'waiting'
  OR job.state = 'delayed' AND COALESCE(job.process_at_ms <= wanted.latest_start, false)
  OR job.state = 'active' AND COALESCE(job.locked_until_ms <= $4, false))`;

const FIND = `
WITH wanted AS (SELECT * FROM unnest($2::text[], $3::bigint[]) AS w (id, latest_start))
SELECT wanted.id FROM wanted LEFT JOIN job ON job.queue = $1 AND job.id = wanted.id
WHERE job.id IS NULL OR NOT ${LIVE}`;

// Deletes in an order, so that two callers do not deadlock. A row that changes at the same time is checked again.
const REMOVE = `
WITH wanted AS (SELECT * FROM unnest($2::text[], $3::bigint[]) AS w (id, latest_start)),
locked AS MATERIALIZED (
  SELECT job.id FROM job JOIN wanted ON job.queue = $1 AND job.id = wanted.id
  WHERE NOT ${LIVE} ORDER BY job.id FOR UPDATE OF job),
removed AS (DELETE FROM job USING locked WHERE job.queue = $1 AND job.id = locked.id RETURNING job.id)
SELECT wanted.id FROM wanted
WHERE EXISTS (SELECT FROM removed WHERE removed.id = wanted.id)
  OR NOT EXISTS (SELECT FROM job WHERE job.queue = $1 AND job.id = wanted.id)`;

/** Returns the lookup in BullMQ's tables on PostgreSQL: one query by primary key for all jobs. */
export function findLostJobsOnPostgres(backend: PostgresQueueBackend, queueName: string): FindLostJobs {
  return async (jobs, { remove }) => {
    await backend.waitUntilReady();
    const values = [queueName, jobs.map(({ id }) => id), jobs.map(({ latestStart }) => Math.round(latestStart))];
    const { rows } = await backend.connection.pool.query(remove ? REMOVE : FIND, [...values, Date.now() + MAX_LOCK_MS]);
    return new Set(rows.map(({ id }) => String(id)));
  };
}
