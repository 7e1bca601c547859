import pg from 'pg';
import { beforeEach, expect, it, type TestContext } from 'vitest';
import { postgresOptions } from '../connection.ts';
import { JOB_NAME } from '../contract.ts';
import { MOVE, PLAN_SETTINGS } from '../postgres-batches.ts';
import { newJob, openFixture, type QueueFixture, runSql } from './queue-fixture.ts';

const SOON = { timeout: 150_000 };

let fixture: QueueFixture;
beforeEach(async (test) => {
  fixture = await openFixture('postgres', test);
});

const stateOf = (uuid: string) => fixture.queue.bull().getJobState(uuid);

async function connect(test: Pick<TestContext, 'onTestFinished'>): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: fixture.url });
  client.on('error', () => {});
  await client.connect();
  test.onTestFinished(() => client.end());
  return client;
}

/** Consumes one job per enqueued one, and ends them together on `end`. */
function hold(count: number) {
  const started: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  fixture.consume(async ({ uuid }) => {
    started.push(uuid);
    await promise;
    return { kind: 'done' };
  }, count);
  return { started, end: resolve };
}

it('completes other jobs while a transaction locks one, and that one afterwards', async (test) => {
  const jobs = Array.from({ length: 5 }, () => newJob());
  const [locked, ...others] = jobs.map(({ uuid }) => uuid) as [string, ...string[]]; // five
  for (const job of jobs) await fixture.queue.enqueue(job);
  const { started, end } = hold(5);
  await expect.poll(() => started, SOON).toHaveLength(5);
  const client = await connect(test);
  await client.query('BEGIN');
  await client.query('SELECT FROM bullmq.job WHERE id = $1 FOR UPDATE', [locked]);
  end();
  for (const uuid of others) await expect.poll(() => stateOf(uuid), SOON).toBe('unknown');
  expect(await stateOf(locked)).toBe('active');
  await client.query('COMMIT');
  await expect.poll(() => stateOf(locked), SOON).toBe('unknown');
  // None of them had to be delivered again.
  expect(started.filter((uuid) => uuid !== locked)).toHaveLength(4);
});

it('does not complete a job that was assigned to another worker', async () => {
  const jobs = [newJob(), newJob()] as const;
  for (const job of jobs) await fixture.queue.enqueue(job);
  const { started, end } = hold(2);
  await expect.poll(() => started, SOON).toHaveLength(2);
  await runSql(fixture.url, `UPDATE bullmq.job SET lock_token = 'other' WHERE id = '${jobs[0].uuid}'`);
  end();
  await expect.poll(() => stateOf(jobs[1].uuid), SOON).toBe('unknown');
  await expect.poll(() => String(fixture.errors), SOON).toContain(`Lock mismatch for job ${jobs[0].uuid}`);
  expect(await stateOf(jobs[0].uuid)).toBe('active');
});

it('delivers a delayed job at its time, although others wait', async () => {
  const due = Date.now() + 500;
  const delayed = { ...newJob(), notBefore: new Date(due) };
  const jobs = Array.from({ length: 5 }, () => newJob());
  await fixture.queue.enqueue(delayed);
  for (const job of jobs) await fixture.queue.enqueue(job);
  const received: string[] = [];
  fixture.consume(async ({ uuid }) => {
    received.push(uuid);
    while (Date.now() <= due) await new Promise((resolve) => setTimeout(resolve, 20));
    return { kind: 'done' };
  }, 1);
  await expect.poll(() => received, SOON).toHaveLength(6);
  // At the latest, the second delivery finds that it is due.
  expect(received.indexOf(delayed.uuid)).toBeLessThanOrEqual(2);
});

it('assigns no job while the queue is paused, and not more than its concurrency', async () => {
  const bull = fixture.queue.bull();
  await bull.pause();
  const delayed = { ...newJob(), notBefore: new Date(Date.now() + 200) };
  await fixture.queue.enqueue(delayed);
  for (let count = 0; count < 5; count += 1) await fixture.queue.enqueue(newJob());
  const { started, end } = hold(6);
  // A paused worker makes jobs wait whose time has come.
  await expect.poll(() => stateOf(delayed.uuid), SOON).toBe('waiting');
  expect(started).toEqual([]);
  await bull.setGlobalConcurrency(2);
  await bull.resume();
  await expect.poll(() => started, SOON).toHaveLength(2);
  expect(await bull.getActiveCount()).toBe(2);
  end();
  await expect.poll(() => started, SOON).toHaveLength(6);
});

it('deletes old failed jobs, but not at each failure', async () => {
  const { started, end } = hold(1);
  const fail = (jobId: string) =>
    fixture.queue.bull().add(JOB_NAME, {}, { jobId, attempts: 1, removeOnFail: { count: 0 } });
  await fail('first');
  await expect.poll(() => stateOf('first'), SOON).toBe('unknown');
  await fail('second');
  await expect.poll(() => stateOf('second'), SOON).toBe('failed');
  expect(started).toEqual([]);
  end();
});

it('reads only the jobs that it moves, even with a plan that was made while the queue was empty', async (test) => {
  const client = new pg.Client({
    connectionString: fixture.url,
    options: `${postgresOptions(fixture.url).options} ${PLAN_SETTINGS} -c search_path=bullmq`,
  });
  await client.connect();
  test.onTestFinished(() => client.end());
  await client.query(`PREPARE move (text, text[], text[], boolean[], bigint) AS ${MOVE}`);
  const plan = await client.query(`EXPLAIN EXECUTE move ('alerts', ARRAY[NULL], ARRAY['token'], ARRAY[true], 0)`);
  const lines = plan.rows.map((row) => String(row['QUERY PLAN']).trim());
  const scans = lines.flatMap((line, index) => (/ on job\b.*cost/.test(line) && /Scan/.test(line) ? [index] : []));
  expect(scans.length).toBeGreaterThan(5);
  for (const index of scans) {
    expect(`${lines[index]} ${lines[index + 1]}`).toMatch(
      /job_ready_idx|job_delayed_idx|job_pkey on job.* Index Cond: \(\(queue = \$1\) AND \(id = ANY/,
    );
  }
  expect(plan.rows.filter((row) => /Sort Key: .*(priority|process_at_ms)/.test(String(row['QUERY PLAN'])))).toEqual([]);
});
