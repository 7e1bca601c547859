import { beforeEach, describe, expect, it } from 'vitest';
import { type AlertJob, JOB_NAME } from '../contract.ts';
import { BACKENDS, COMPLETED, newJob, openFixture, type QueueFixture } from './queue-fixture.ts';

const SOON = { timeout: 150_000 };

for (const { name, missing } of BACKENDS) {
  describe.skipIf(missing)(`consuming on ${name}`, () => {
    let fixture: QueueFixture;
    beforeEach(async (test) => {
      fixture = await openFixture(name, test);
    });
    const stateOf = (uuid: string) => fixture.queue.bull().getJobState(uuid);

    it('passes each job once to the handler, parsed', async () => {
      const jobs = [newJob(), newJob(), newJob()];
      const received: AlertJob[] = [];
      fixture.consume(async (job) => {
        received.push(job);
        return { kind: 'done' };
      });
      for (const job of jobs) await fixture.queue.enqueue(job);
      for (const job of jobs) await expect.poll(() => stateOf(job.uuid), SOON).toBe(COMPLETED[name]);
      expect(received).toHaveLength(3);
      expect(received).toEqual(expect.arrayContaining(jobs));
    });

    it('passes the time when the job entered the queue with every delivery', async () => {
      const job = newJob();
      const before = Date.now();
      await fixture.queue.enqueue(job);
      const after = Date.now();
      const times: number[] = [];
      fixture.consume(async (_job, _signal, { queuedAt }) => {
        times.push(queuedAt.getTime());
        return times.length === 1 ? { kind: 'retry', reason: 'again' } : { kind: 'done' };
      });
      await expect.poll(() => times, SOON).toHaveLength(2);
      expect(times[0]).toBeGreaterThanOrEqual(before);
      expect(times[0]).toBeLessThanOrEqual(after);
      expect(times[1]).toBe(times[0]);
    });

    it('lists a failed job with its reason, and does not deliver it again', async () => {
      const job = newJob();
      let deliveries = 0;
      fixture.consume(async () => {
        deliveries += 1;
        return { kind: 'failed', reason: 'video_not_found: gone' };
      });
      await fixture.queue.enqueue(job);
      await expect.poll(() => stateOf(job.uuid), SOON).toBe('failed');
      expect((await fixture.queue.bull().getJob(job.uuid))?.failedReason).toBe('video_not_found: gone');
      expect(deliveries).toBe(1);
    });

    it('delivers a job again after a delay on retry', async () => {
      const job = newJob();
      const times: number[] = [];
      fixture.consume(async () => {
        times.push(performance.now());
        return times.length < 3 ? { kind: 'retry', reason: 'server down' } : { kind: 'done' };
      });
      await fixture.queue.enqueue(job);
      await expect.poll(() => stateOf(job.uuid), SOON).toBe(COMPLETED[name]);
      const [first = 0, second = 0, third = 0] = times;
      // 1 s and 2 s, each up to a quarter shorter.
      expect(second - first).toBeGreaterThanOrEqual(700);
      expect(third - second).toBeGreaterThanOrEqual(1_400);
      expect(times).toHaveLength(3);
    });

    it('delays a retry as long as the video server requested', async () => {
      const job = newJob();
      fixture.consume(async () => ({ kind: 'retry', reason: '429', delayMs: 90_000 }));
      await fixture.queue.enqueue(job);
      await expect.poll(() => stateOf(job.uuid), SOON).toBe('delayed');
      expect((await fixture.queue.bull().getJob(job.uuid))?.delay).toBe(90_000);
    });

    it('delivers a job again after the handler throws', async () => {
      const job = newJob();
      let deliveries = 0;
      fixture.consume(async () => {
        deliveries += 1;
        if (deliveries === 1) throw new Error('the database is unavailable');
        return { kind: 'done' };
      });
      await fixture.queue.enqueue(job);
      await expect.poll(() => stateOf(job.uuid), SOON).toBe(COMPLETED[name]);
      expect(deliveries).toBe(2);
    });

    it.each([
      ['without a uuid', { requestId: 'r' }],
      ['with an invalid uuid', { uuid: 'no', requestId: 'r' }],
    ])('fails a job %s without calling the handler', async (_, data) => {
      const received: AlertJob[] = [];
      fixture.consume(async (job) => {
        received.push(job);
        return { kind: 'done' };
      });
      await fixture.queue.bull().add(JOB_NAME, data, { jobId: 'foreign', attempts: 3 });
      await expect.poll(() => stateOf('foreign'), SOON).toBe('failed');
      expect((await fixture.queue.bull().getJob('foreign'))?.failedReason).toBe('invalid job');
      expect(received).toEqual([]);
    });

    it('delivers a job of a newer version without its additional fields, and keeps them', async () => {
      const job = newJob();
      const received: AlertJob[] = [];
      fixture.consume(async (data) => {
        received.push(data);
        return { kind: 'retry', reason: 'later', delayMs: 600_000 };
      });
      await fixture.queue.bull().add(JOB_NAME, { ...job, priority: 7 }, { jobId: job.uuid });
      await expect.poll(() => received, SOON).toEqual([job]);
      expect((await fixture.queue.bull().getJob(job.uuid))?.data).toEqual({ ...job, priority: 7 });
    });

    it('aborts the signal of a handler whose job was assigned to another worker', async () => {
      const job = newJob();
      const aborted = Promise.withResolvers<string>();
      fixture.consume(async (_, signal) => {
        await fixture.clear();
        signal.addEventListener('abort', () => aborted.resolve(String(signal.reason)));
        await aborted.promise;
        return { kind: 'done' };
      });
      await fixture.queue.enqueue(job);
      expect(await aborted.promise).toBe('the job was assigned to another worker');
    });
  });
}
