import type { PostgresQueueBackend, Queue } from 'bullmq';

/** Ends the delay of those jobs that are delayed. Returns their number. */
export type PromoteJobs = (ids: string[]) => Promise<number>;

/** BullMQ's codes for a job that does not exist, and for one that is not delayed. */
const NOT_DELAYED: unknown[] = [-1, -3];

/** Returns the function for a queue on Redis: one command per job, in one round trip. */
export function promoteOnRedis(queue: Pick<Queue, 'getBackend'>): PromoteJobs {
  return async (ids) => {
    const backend = queue.getBackend();
    const promoted = await Promise.all(ids.map((id) => backend.promote(id).then(() => true, ignoreNotDelayed)));
    return promoted.filter(Boolean).length;
  };
}

function ignoreNotDelayed(error: unknown): false {
  if (error instanceof Error && 'code' in error && NOT_DELAYED.includes(error.code)) return false;
  throw error;
}

// What BullMQ's promote changes, for all jobs together. BullMQ reads the state before it changes it: a job that a worker takes
// in between would be taken by another one, too.
const PROMOTE = `
WITH delayed AS MATERIALIZED (
  SELECT id FROM job WHERE queue = $1 AND id = ANY($2::text[]) AND state = 'delayed' ORDER BY id FOR UPDATE SKIP LOCKED),
promoted AS (
  UPDATE job SET state = 'waiting', process_at_ms = NULL, delay_ms = 0, seq = nextval('job_seq')
  FROM delayed WHERE job.queue = $1 AND job.id = delayed.id RETURNING job.id),
counted AS (SELECT count(*) AS jobs FROM promoted)
SELECT jobs, CASE WHEN jobs > 0 THEN pg_notify('bullmq_jobs', $1) END FROM counted`;

/** Returns the function for a queue on PostgreSQL. */
export function promoteOnPostgres(backend: PostgresQueueBackend, queueName: string): PromoteJobs {
  return async (ids) => {
    await backend.waitUntilReady();
    const { rows } = await backend.connection.pool.query(PROMOTE, [queueName, ids]);
    return Number(rows[0]?.jobs);
  };
}
