import { beforeEach, describe, expect, it } from 'vitest';
import { type AlertJob, JOB_NAME } from '../contract.ts';
import { BACKENDS, DONE, newJob, openWorld, type World } from './queue-fixture.ts';

const SOON = { timeout: 10_000 };

for (const { backend, missing } of BACKENDS) {
  describe.skipIf(missing)(`consuming on ${backend}`, () => {
    let world: World;
    beforeEach(async (test) => {
      world = await openWorld(backend, test);
    });
    const stateOf = (uuid: string) => world.queue.bull().getJobState(uuid);

    it('hands the handler each job once, parsed', async () => {
      const jobs = [newJob(), newJob(), newJob()];
      const taken: AlertJob[] = [];
      world.consume(async (job) => {
        taken.push(job);
        return { kind: 'done' };
      });
      for (const job of jobs) await world.queue.enqueue(job);
      for (const job of jobs) await expect.poll(() => stateOf(job.uuid), SOON).toBe(DONE[backend]);
      expect(taken).toHaveLength(3);
      expect(taken).toEqual(expect.arrayContaining(jobs));
    });

    it('tells when the job entered the queue, at every delivery', async () => {
      const job = newJob();
      const before = Date.now();
      await world.queue.enqueue(job);
      const after = Date.now();
      const told: number[] = [];
      world.consume(async (_job, _signal, { queuedAt }) => {
        told.push(queuedAt.getTime());
        return told.length === 1 ? { kind: 'retry', reason: 'again' } : { kind: 'done' };
      });
      await expect.poll(() => told, SOON).toHaveLength(2);
      expect(told[0]).toBeGreaterThanOrEqual(before);
      expect(told[0]).toBeLessThanOrEqual(after);
      expect(told[1]).toBe(told[0]);
    });

    it('shows a failed verdict among the failed, with its reason, and does not deliver it again', async () => {
      const job = newJob();
      let deliveries = 0;
      world.consume(async () => {
        deliveries += 1;
        return { kind: 'failed', reason: 'video_not_found: gone' };
      });
      await world.queue.enqueue(job);
      await expect.poll(() => stateOf(job.uuid), SOON).toBe('failed');
      expect((await world.queue.bull().getJob(job.uuid))?.failedReason).toBe('video_not_found: gone');
      expect(deliveries).toBe(1);
    });

    it('delivers again what is to be retried, after a delay', async () => {
      const job = newJob();
      const times: number[] = [];
      world.consume(async () => {
        times.push(performance.now());
        return times.length < 3 ? { kind: 'retry', reason: 'server down' } : { kind: 'done' };
      });
      await world.queue.enqueue(job);
      await expect.poll(() => stateOf(job.uuid), SOON).toBe(DONE[backend]);
      const [first = 0, second = 0, third = 0] = times;
      // 1 s and 2 s, each up to a half shorter.
      expect(second - first).toBeGreaterThanOrEqual(450);
      expect(third - second).toBeGreaterThanOrEqual(950);
      expect(times).toHaveLength(3);
    });

    it('holds a retry back for as long as the video server asked', async () => {
      const job = newJob();
      world.consume(async () => ({ kind: 'retry', reason: '429', retryAfterMs: 90_000 }));
      await world.queue.enqueue(job);
      await expect.poll(() => stateOf(job.uuid), SOON).toBe('delayed');
      expect((await world.queue.bull().getJob(job.uuid))?.delay).toBe(90_000);
    });

    it('delivers again when the handler throws', async () => {
      const job = newJob();
      let deliveries = 0;
      world.consume(async () => {
        deliveries += 1;
        if (deliveries === 1) throw new Error('the database is away');
        return { kind: 'done' };
      });
      await world.queue.enqueue(job);
      await expect.poll(() => stateOf(job.uuid), SOON).toBe(DONE[backend]);
      expect(deliveries).toBe(2);
    });

    it.each([
      ['without a uuid', { requestId: 'r' }],
      ['with a uuid that is none', { uuid: 'no', requestId: 'r' }],
      ['with more than a key', { ...newJob(), video: '/videos/a.mp4' }],
    ])('fails a job %s, and does not bother the handler', async (_, data) => {
      const taken: AlertJob[] = [];
      world.consume(async (job) => {
        taken.push(job);
        return { kind: 'done' };
      });
      await world.queue.bull().add(JOB_NAME, data, { jobId: 'foreign', attempts: 3 });
      await expect.poll(() => stateOf('foreign'), SOON).toBe('failed');
      expect((await world.queue.bull().getJob('foreign'))?.failedReason).toBe('not a job of this contract');
      expect(taken).toEqual([]);
    });

    it('tells the handler when its job was taken away', async () => {
      const job = newJob();
      const aborted = Promise.withResolvers<string>();
      world.consume(async (_, signal) => {
        await world.wipe();
        signal.addEventListener('abort', () => aborted.resolve(String(signal.reason)));
        await aborted.promise;
        return { kind: 'done' };
      });
      await world.queue.enqueue(job);
      expect(await aborted.promise).toBe('the job was taken away');
    });
  });
}
