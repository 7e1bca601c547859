import { beforeEach, describe, expect, it } from 'vitest';
import { DELIVERIES, KEEP_COMPLETED, KEEP_FAILED } from '../contract.ts';
import type { JobResult } from '../queue.ts';
import { BACKENDS, COMPLETED, newJob, openFixture, type QueueFixture } from './queue-fixture.ts';

for (const { name, missing } of BACKENDS) {
  describe.skipIf(missing)(`enqueueing on ${name}`, () => {
    let fixture: QueueFixture;
    beforeEach(async (test) => {
      fixture = await openFixture(name, test);
    });
    const stateOf = (uuid: string) => fixture.queue.bull().getJobState(uuid);
    /** Runs a consumer that returns `result` for every job, until the job is in this state. */
    async function consumeUntil(uuid: string, result: JobResult, state: string): Promise<void> {
      const consumer = fixture.consume(async () => result);
      await expect.poll(() => stateOf(uuid), { timeout: 150_000 }).toBe(state);
      await consumer.close(0);
    }

    it('adds one job for an alert that is enqueued twice', async () => {
      const job = newJob();
      await fixture.queue.enqueue(job);
      await fixture.queue.enqueue(job);
      expect(await fixture.queue.bull().getJobCounts()).toMatchObject({ waiting: 1, active: 0, delayed: 0 });
    });

    it('adds one job for an alert that is enqueued twice at the same time', async () => {
      const job = newJob();
      await Promise.all(Array.from({ length: 20 }, () => fixture.queue.enqueue(job)));
      expect(await fixture.queue.bull().getJobCounts()).toMatchObject({ waiting: 1, active: 0, delayed: 0 });
    });

    it.each([1, 5, 40])('adds %i jobs at the same time, each with its data', async (count) => {
      const jobs = Array.from({ length: count }, () => newJob());
      await Promise.all([...jobs, ...jobs.slice(0, 2)].map((job) => fixture.queue.enqueue(job)));
      const stored = await fixture.queue.bull().getWaiting();
      expect(stored).toHaveLength(count);
      expect(stored.map(({ data }) => data)).toEqual(expect.arrayContaining(jobs));
      expect(new Set(stored.map(({ opts }) => opts.attempts))).toEqual(new Set([DELIVERIES]));
    });

    it('limits the number and age of finished jobs', async () => {
      const job = newJob();
      await fixture.queue.enqueue(job);
      const stored = await fixture.queue.bull().getJob(job.uuid);
      const removeOnComplete = name === 'redis' ? KEEP_COMPLETED : true;
      expect(stored?.opts).toMatchObject({ removeOnComplete, removeOnFail: KEEP_FAILED });
    });

    it('responds to a ping, and knows the version of Redis', async () => {
      await expect(fixture.queue.ping()).resolves.toBeUndefined();
      const version = name === 'redis' ? expect.stringMatching(/^\d+\.\d+/) : undefined;
      expect(await fixture.queue.redisVersion()).toEqual(version);
    });

    it('enqueueAgain adds a job that never existed', async () => {
      const job = newJob();
      expect(await fixture.queue.enqueueAgain([job])).toBe(1);
      expect(await stateOf(job.uuid)).toBe('waiting');
    });

    it('enqueueAgain delays jobs until their time', async () => {
      const start = Date.now() + 3_600_000;
      const jobs = Array.from({ length: 40 }, (_, index) => ({
        ...newJob(),
        notBefore: new Date(start + index * 1_000),
      }));
      await fixture.queue.enqueue({ ...(jobs[7] ?? newJob()), notBefore: null });
      expect(await fixture.queue.enqueueAgain(jobs)).toBe(39);
      expect(await fixture.queue.bull().getJobCounts()).toMatchObject({ waiting: 1, delayed: 39 });
      expect(await fixture.queue.enqueueAgain(jobs)).toBe(0);
      const last = await fixture.queue.bull().getJob(jobs[39]?.uuid ?? '');
      expect(Math.abs((last?.timestamp ?? 0) + (last?.opts.delay ?? 0) - (start + 39_000))).toBeLessThan(60_000);
    });

    it('enqueueAgain skips a waiting job', async () => {
      const job = newJob();
      await fixture.queue.enqueue(job);
      expect(await fixture.queue.enqueueAgain([job])).toBe(0);
      expect(await fixture.queue.bull().getJobCounts()).toMatchObject({ waiting: 1 });
    });

    it('enqueueAgain skips an active job', async () => {
      const job = newJob();
      await fixture.queue.enqueue(job);
      const started = Promise.withResolvers<void>();
      const hold = Promise.withResolvers<JobResult>();
      fixture.consume(() => {
        started.resolve();
        return hold.promise;
      });
      await started.promise;
      expect(await fixture.queue.enqueueAgain([job])).toBe(0);
      expect(await stateOf(job.uuid)).toBe('active');
      hold.resolve({ kind: 'done' });
    });

    it('enqueueAgain skips a delayed job', async () => {
      const job = newJob();
      await fixture.queue.enqueue(job);
      await consumeUntil(job.uuid, { kind: 'retry', reason: 'later', delayMs: 600_000 }, 'delayed');
      expect(await fixture.queue.enqueueAgain([job])).toBe(0);
      expect(await stateOf(job.uuid)).toBe('delayed');
    });

    it.each([
      [COMPLETED[name], { kind: 'done' }],
      ['failed', { kind: 'failed', reason: 'final' }],
    ] as const)('enqueueAgain replaces a job in the state %s', async (state, result) => {
      const job = newJob();
      await fixture.queue.enqueue(job);
      await consumeUntil(job.uuid, result, state);
      expect(state !== 'unknown').toBe(state === 'failed' || fixture.queue.keepsCompletedJobs);
      if (state !== 'unknown') await fixture.queue.enqueue(job);
      expect(await stateOf(job.uuid)).toBe(state);
      expect(await fixture.queue.enqueueAgain([job])).toBe(1);
      expect(await stateOf(job.uuid)).toBe('waiting');
    });

    it('enqueueAgain adds a job that was deleted, and it is delivered', async () => {
      const job = newJob();
      const received: string[] = [];
      fixture.consume(async ({ uuid }) => {
        received.push(uuid);
        return { kind: 'retry', reason: 'later', delayMs: 600_000 };
      });
      await fixture.queue.enqueue(job);
      await expect.poll(() => stateOf(job.uuid), { timeout: 150_000 }).toBe('delayed');
      await fixture.clear();
      expect(await fixture.queue.enqueueAgain([job])).toBe(1);
      await expect.poll(() => received, { timeout: 150_000 }).toEqual([job.uuid, job.uuid]);
    });
  });
}
