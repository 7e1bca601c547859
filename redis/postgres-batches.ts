import { createPostgresBackend, type PostgresQueueBackend } from 'bullmq';
import type pg from 'pg';
import { createMicroBatcher } from '#async/micro-batch.ts';
import { LOCK_MS } from './contract.ts';

/**
 * Statements for many jobs are planned once per connection, perhaps while the queue is empty. These settings leave only plans
 * that also suit a long queue: they find jobs by index, waiting ones in the order of the index, and read nothing twice.
 */
export const PLAN_SETTINGS = [
  'plan_cache_mode=force_generic_plan',
  ...['seqscan', 'bitmapscan', 'sort', 'nestloop', 'mergejoin'].map((method) => `enable_${method}=off`),
]
  .map((setting) => `-c ${setting}`)
  .join(' ');

/** Several, so that one that waits for a dead connection does not stop the others; few, so that jobs collect for them. */
const STATEMENTS = 4;
const JOBS_PER_STATEMENT = 64;

/** To delete old failures, BullMQ reads all that are kept. It does so at the first failure of this many. */
const FAILURES_PER_DELETION = 100;

// Inserts in the order of the ids, so that two producers that add the same jobs do not deadlock.
const ADD = `
WITH entry AS MATERIALIZED (
  SELECT nextval('job_seq') AS seq, e.* FROM jsonb_to_recordset($2::jsonb) AS e
    (id text, name text, data text, opts jsonb, priority integer, delay bigint, timestamp bigint, attempts integer)),
added AS (
  INSERT INTO job (queue, id, seq, name, state, data, opts, priority, delay_ms, max_attempts, added_at_ms, process_at_ms)
  SELECT $1, id, seq, name, (CASE WHEN delay > 0 THEN 'delayed' ELSE 'waiting' END)::job_state, data::jsonb, opts,
    priority, delay, attempts, timestamp, CASE WHEN delay > 0 THEN timestamp + delay END
  FROM entry ORDER BY id
  ON CONFLICT (queue, id) DO NOTHING RETURNING id)
SELECT pg_notify('bullmq_jobs', $1) WHERE EXISTS (SELECT FROM added)`;

/**
 * What BullMQ's move_to_completed and move_to_active change, for many jobs: deletes the completed jobs whose lock the caller has,
 * makes delayed jobs wait whose time has come, and assigns waiting jobs. Never waits for a lock: a locked job is skipped.
 * $2 to $4: of each item the job to complete or null, the token, and whether to assign a job to it. $5: now.
 */
export const MOVE = `
WITH item AS MATERIALIZED (
  SELECT * FROM unnest($2::text[], $3::text[], $4::boolean[]) WITH ORDINALITY AS i (id, token, next, place)),
completed AS MATERIALIZED (
  SELECT item.place, job.id FROM job JOIN item ON item.id = job.id AND item.token = job.lock_token
  WHERE job.queue = $1 AND job.id = ANY($2) AND job.parent_id IS NULL AND job.dedup_id IS NULL
  FOR UPDATE OF job SKIP LOCKED),
deleted AS (DELETE FROM job WHERE queue = $1 AND id = ANY(ARRAY(SELECT id FROM completed))),
due AS MATERIALIZED (
  SELECT id FROM job WHERE queue = $1 AND state = 'delayed' AND process_at_ms <= $5
  ORDER BY process_at_ms LIMIT 1000 FOR UPDATE SKIP LOCKED),
promoted AS (
  UPDATE job SET state = 'waiting', delay_ms = 0 WHERE queue = $1 AND id = ANY(ARRAY(SELECT id FROM due))),
free AS MATERIALIZED (
  SELECT place, token, row_number() OVER () AS number FROM item LEFT JOIN completed USING (place)
  WHERE next AND (item.id IS NULL OR completed.id IS NOT NULL)),
queue AS MATERIALIZED (
  SELECT COALESCE(bool_or(field = 'paused' AND value = '1'), false) AS paused,
    COALESCE(bool_or(field IN ('concurrency', 'max')), false) AS limited,
    (SELECT process_at_ms FROM job WHERE queue = $1 AND state = 'delayed' ORDER BY process_at_ms LIMIT 1) AS next_start
  FROM meta WHERE queue = $1 AND field IN ('paused', 'concurrency', 'max')),
taken AS MATERIALIZED (
  SELECT id FROM job WHERE queue = $1 AND state = 'waiting' AND NOT (SELECT paused OR limited FROM queue)
  ORDER BY priority, seq LIMIT (SELECT count(*) FROM free) FOR UPDATE SKIP LOCKED),
assigned AS (
  UPDATE job SET state = 'active', lock_token = free.token, locked_until_ms = $5 + ${LOCK_MS}, processed_at_ms = $5,
    processed_by = NULL, attempts_started = attempts_started + 1
  FROM (SELECT id, row_number() OVER () AS number FROM taken) AS t JOIN free USING (number)
  WHERE job.queue = $1 AND job.id = ANY(ARRAY(SELECT id FROM taken)) AND job.id = t.id RETURNING free.place, job.*)
SELECT completed.place IS NOT NULL AS completed, queue.limited, queue.next_start, assigned.*
FROM item CROSS JOIN queue LEFT JOIN completed USING (place) LEFT JOIN assigned USING (place) ORDER BY item.place`;

type Item = { id: string | null; token: string; next: boolean };

/** `id` and all other columns of the assigned job: null if none was assigned. */
type Moved = { completed: boolean; limited: boolean; next_start: string | null; id: string | null };

/** BullMQ's backend, but jobs that are added, completed and assigned at the same time share a statement. Writes no events. */
export const createBatchedBackend: typeof createPostgresBackend = (...args) => {
  const backend = createPostgresBackend(...args);
  const [queueName] = args;
  batchAdds(backend, queueName);
  batchMoves(backend, queueName);
  const fail = backend.moveToFailed.bind(backend);
  let failures = 0;
  backend.moveToFailed = (job, reason, keep, ...rest) => {
    const deletes = keep === true || failures++ % FAILURES_PER_DELETION === 0;
    return fail(job, reason, deletes ? keep : false, ...rest);
  };
  return backend;
};

/** For jobs with an id, and without BullMQ's parents, deduplication and LIFO: this folder adds no others in bulk. */
function batchAdds(backend: PostgresQueueBackend, queueName: string): void {
  backend.addJobs = async (entries) => {
    // biome-ignore lint/complexity/useLiteralKeys: private in BullMQ's types.
    const payload = entries.map(({ job, jobId }) => backend['toBatchEntry'](queueName, job, jobId));
    await runPrepared(backend, { name: 'add', text: ADD, values: [queueName, JSON.stringify(payload)] });
    return entries.map(({ jobId }) => jobId);
  };
}

function batchMoves(backend: PostgresQueueBackend, queueName: string): void {
  const complete = backend.moveToCompleted.bind(backend);
  const assign = backend.moveToActive.bind(backend);
  const batcher = createMicroBatcher<Item, Moved>({
    concurrency: STATEMENTS,
    maxBatchSize: JOBS_PER_STATEMENT,
    async run(items) {
      const columns = [items.map(({ id }) => id), items.map(({ token }) => token), items.map(({ next }) => next)];
      return runPrepared<Moved>(backend, { name: 'move', text: MOVE, values: [queueName, ...columns, Date.now()] });
    },
  });
  const assigned = async (moved: Moved, token: string) => {
    // BullMQ counts, if Bull Board has limited the queue's concurrency or rate.
    if (moved.limited) return assign(token);
    if (moved.id === null) return [null, '', 0, Number(moved.next_start ?? 0)];
    // biome-ignore lint/complexity/useLiteralKeys: private in BullMQ's types.
    return backend['buildNextJobResult']([moved], null, 0);
  };
  backend.moveToActive = async (token) => assigned(await batcher.add({ id: null, token, next: true }), token);
  backend.moveToCompleted = async (job, value, keep, token, next) => {
    const moved = keep === true ? await batcher.add({ id: job.id ?? null, token, next }) : undefined;
    // Not this worker's any more, or locked by another transaction: BullMQ throws the error for it, or waits.
    if (!moved?.completed) return complete(job, value, keep, token, next);
    return { result: next ? await assigned(moved, token) : undefined, finishedOn: Date.now() };
  };
}

async function runPrepared<Row extends pg.QueryResultRow>(
  backend: PostgresQueueBackend,
  query: pg.QueryConfig,
): Promise<Row[]> {
  await backend.waitUntilReady();
  // BullMQ's type of its pool has no prepared statements.
  const { rows } = await (backend.connection.pool as unknown as pg.Pool).query<Row>(query);
  return rows;
}
