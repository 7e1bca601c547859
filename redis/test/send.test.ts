import { beforeEach, describe, expect, it } from 'vitest';
import { DELIVERIES, KEEP_COMPLETED, KEEP_FAILED } from '../contract.ts';
import type { JobResult } from '../queue.ts';
import { BACKENDS, DONE, newJob, openWorld, type World } from './queue-fixture.ts';

for (const { backend, missing } of BACKENDS) {
  describe.skipIf(missing)(`sending on ${backend}`, () => {
    let world: World;
    beforeEach(async (test) => {
      world = await openWorld(backend, test);
    });
    const stateOf = (uuid: string) => world.queue.bull().getJobState(uuid);
    /** Lets one consumer give this verdict to all there is, until the job is in this state. */
    async function settle(uuid: string, verdict: JobResult, state: string): Promise<void> {
      const consumer = world.consume(async () => verdict);
      await expect.poll(() => stateOf(uuid), { timeout: 10_000 }).toBe(state);
      await consumer.close(0);
    }

    it('adds one job for an alert that is enqueued twice', async () => {
      const job = newJob();
      await world.queue.enqueue(job);
      await world.queue.enqueue(job);
      expect(await world.queue.bull().getJobCounts()).toMatchObject({ waiting: 1, active: 0, delayed: 0 });
    });

    it('adds one job for an alert that is enqueued twice at the same time', async () => {
      const job = newJob();
      await Promise.all(Array.from({ length: 20 }, () => world.queue.enqueue(job)));
      expect(await world.queue.bull().getJobCounts()).toMatchObject({ waiting: 1, active: 0, delayed: 0 });
    });

    it.each([1, 5, 40])('adds all of %i that come at once, each as it is', async (many) => {
      const jobs = Array.from({ length: many }, newJob);
      await Promise.all([...jobs, ...jobs.slice(0, 2)].map((job) => world.queue.enqueue(job)));
      const stored = await world.queue.bull().getWaiting();
      expect(stored).toHaveLength(many);
      expect(stored.map(({ data }) => data)).toEqual(expect.arrayContaining(jobs));
      expect(new Set(stored.map(({ opts }) => opts.attempts))).toEqual(new Set([DELIVERIES]));
    });

    it('bounds how many finished jobs are kept, and for how long', async () => {
      const job = newJob();
      await world.queue.enqueue(job);
      const stored = await world.queue.bull().getJob(job.uuid);
      const removeOnComplete = backend === 'redis' ? KEEP_COMPLETED : true;
      expect(stored?.opts).toMatchObject({ removeOnComplete, removeOnFail: KEEP_FAILED });
    });

    it('answers a ping', async () => {
      await expect(world.queue.ping()).resolves.toBeUndefined();
    });

    it('adds again what it never had', async () => {
      const job = newJob();
      expect(await world.queue.enqueueAgain([job])).toBe(1);
      expect(await stateOf(job.uuid)).toBe('waiting');
    });

    it('adds many at once, spread over time where told', async () => {
      const jobs = Array.from({ length: 250 }, newJob);
      await world.queue.enqueue(jobs[7] ?? newJob());
      expect(await world.queue.enqueueAgain(jobs, { perSecond: 10 })).toBe(249);
      expect(await world.queue.bull().getJobCounts()).toMatchObject({ waiting: 2, delayed: 248 });
      const delays = (await world.queue.bull().getDelayed()).map(({ opts }) => opts.delay ?? 0);
      expect([Math.min(...delays), Math.max(...delays)]).toEqual([100, 24_800]);
    });

    it('leaves a waiting job alone', async () => {
      const job = newJob();
      await world.queue.enqueue(job);
      expect(await world.queue.enqueueAgain([job])).toBe(0);
      expect(await world.queue.bull().getJobCounts()).toMatchObject({ waiting: 1 });
    });

    it('leaves an active job alone', async () => {
      const job = newJob();
      await world.queue.enqueue(job);
      const taken = Promise.withResolvers<void>();
      const hold = Promise.withResolvers<JobResult>();
      world.consume(() => {
        taken.resolve();
        return hold.promise;
      });
      await taken.promise;
      expect(await world.queue.enqueueAgain([job])).toBe(0);
      expect(await stateOf(job.uuid)).toBe('active');
      hold.resolve({ kind: 'done' });
    });

    it('leaves a delayed job alone', async () => {
      const job = newJob();
      await world.queue.enqueue(job);
      await settle(job.uuid, { kind: 'retry', reason: 'later', retryAfterMs: 600_000 }, 'delayed');
      expect(await world.queue.enqueueAgain([job])).toBe(0);
      expect(await stateOf(job.uuid)).toBe('delayed');
    });

    it.each([
      [DONE[backend], { kind: 'done' }],
      ['failed', { kind: 'failed', reason: 'over' }],
    ] as const)('adds again what is %s to it', async (state, verdict) => {
      const job = newJob();
      await world.queue.enqueue(job);
      await settle(job.uuid, verdict, state);
      expect(state !== 'unknown').toBe(state === 'failed' || world.queue.keepsCompletedJobs);
      if (state !== 'unknown') await world.queue.enqueue(job);
      expect(await stateOf(job.uuid)).toBe(state);
      expect(await world.queue.enqueueAgain([job])).toBe(1);
      expect(await stateOf(job.uuid)).toBe('waiting');
    });

    it('adds again, and delivers, what was wiped away', async () => {
      const job = newJob();
      const taken: string[] = [];
      world.consume(async ({ uuid }) => {
        taken.push(uuid);
        return { kind: 'retry', reason: 'later', retryAfterMs: 600_000 };
      });
      await world.queue.enqueue(job);
      await expect.poll(() => stateOf(job.uuid), { timeout: 10_000 }).toBe('delayed');
      await world.wipe();
      expect(await world.queue.enqueueAgain([job])).toBe(1);
      await expect.poll(() => taken, { timeout: 10_000 }).toEqual([job.uuid, job.uuid]);
    });
  });
}
