import { beforeEach, describe, expect, it } from 'vitest';
import { BACKENDS, newJob, openFixture, type QueueFixture } from './queue-fixture.ts';

const HOUR_MS = 3_600_000;

for (const { name, missing } of BACKENDS) {
  describe.skipIf(missing)(`promoting on ${name}`, () => {
    let fixture: QueueFixture;
    beforeEach(async (test) => {
      fixture = await openFixture(name, test);
    });
    const delayed = () => ({ ...newJob(), notBefore: new Date(Date.now() + HOUR_MS) });
    const stateOf = (uuid: string) => fixture.queue.bull().getJobState(uuid);

    it('ends the delay of the given jobs only, and workers receive them', async () => {
      const [first, second, other] = [delayed(), delayed(), delayed()];
      await Promise.all([first, second, other].map(fixture.queue.enqueue));
      const received: string[] = [];
      fixture.consume(async ({ uuid }) => {
        received.push(uuid);
        return { kind: 'done' };
      });
      expect(await fixture.queue.promote([first.uuid, second.uuid])).toBe(2);
      await expect.poll(() => received.length, { timeout: 150_000 }).toBe(2);
      expect(new Set(received)).toEqual(new Set([first.uuid, second.uuid]));
      expect(await stateOf(other.uuid)).toBe('delayed');
    });

    it('leaves jobs that wait, run or do not exist as they are', async () => {
      const [running, waiting, absent] = [newJob(), newJob(), newJob()];
      let finish = () => {};
      const finished = new Promise<void>((resolve) => {
        finish = resolve;
      });
      await fixture.queue.enqueue(running);
      const consumer = fixture.consume(async () => {
        await finished;
        return { kind: 'done' };
      }, 1);
      await expect.poll(() => stateOf(running.uuid), { timeout: 150_000 }).toBe('active');
      await fixture.queue.enqueue(waiting);
      expect(await fixture.queue.promote([running, waiting, absent].map(({ uuid }) => uuid))).toBe(0);
      expect(await stateOf(running.uuid)).toBe('active');
      expect(await stateOf(waiting.uuid)).toBe('waiting');
      finish();
      await consumer.close(10_000);
    });

    it('ends the delay of a job that its handler returned, once onDelayed was called', async () => {
      const job = newJob();
      await fixture.queue.enqueue(job);
      const promoted: Promise<number>[] = [];
      let deliveries = 0;
      fixture.consume(async () => {
        deliveries += 1;
        if (deliveries === 2) return { kind: 'done' };
        promoted.push(fixture.queue.promote([job.uuid]));
        await promoted[0];
        const onDelayed = () => void promoted.push(fixture.queue.promote([job.uuid]));
        return { kind: 'retry', reason: 'the source is down', delayMs: HOUR_MS, onDelayed };
      });
      await expect.poll(() => deliveries, { timeout: 150_000 }).toBe(2);
      expect(await Promise.all(promoted)).toEqual([0, 1]);
    });

    it('promotes a job once if two workers do at the same time', async () => {
      const jobs = Array.from({ length: 50 }, delayed);
      await Promise.all(jobs.map(fixture.queue.enqueue));
      const uuids = jobs.map(({ uuid }) => uuid);
      const promoted = await Promise.all([fixture.queue.promote(uuids), fixture.queue.promote(uuids.toReversed())]);
      expect((promoted[0] ?? 0) + (promoted[1] ?? 0)).toBe(50);
      const counts = await fixture.queue.bull().getJobCounts('waiting', 'prioritized', 'delayed');
      expect((counts.waiting ?? 0) + (counts.prioritized ?? 0)).toBe(50);
      expect(counts.delayed).toBe(0);
    });
  });
}
