import { beforeEach, describe, expect, it } from 'vitest';
import { type AlertQueue, openAlertQueue } from '../queue.ts';
import { BACKENDS, newJob, openFixture, type QueueFixture } from './queue-fixture.ts';

const jobsOf = (store: string, count: number) => Array.from({ length: count }, () => newJob(store));

for (const { name, missing } of BACKENDS) {
  describe.skipIf(missing)(`the order across stores on ${name}`, () => {
    let fixture: QueueFixture;
    beforeEach(async (test) => {
      fixture = await openFixture(name, test);
    });

    /** Consumes until `enough` of what was started, and returns it in its order. */
    async function startedUntil(enough: (stores: string[]) => boolean, concurrency = 1) {
      const started: { uuid: string; store: string }[] = [];
      const consumer = fixture.consume(async ({ uuid, store = '' }) => {
        started.push({ uuid, store });
        return { kind: 'done' };
      }, concurrency);
      await expect.poll(() => enough(started.map(({ store }) => store)), { timeout: 300_000 }).toBe(true);
      await consumer.close(0);
      return started;
    }

    async function enqueueInTurn(queue: AlertQueue, jobs: ReturnType<typeof newJob>[]): Promise<void> {
      for (let first = 0; first < jobs.length; first += 250) {
        await Promise.all(jobs.slice(first, first + 250).map((job) => queue.enqueue(job)));
      }
    }

    it.each([1, 8])(
      'starts one alert of a store within 10 dispatches after 10,000 of another, with concurrency %i',
      async (concurrency) => {
        await enqueueInTurn(fixture.queue, jobsOf('a', 10_000));
        await fixture.queue.enqueue(newJob('b'));
        expect((await fixture.queue.usage()).depth).toBe(10_001);
        const started = await startedUntil((stores) => stores.includes('b'), concurrency);
        expect(started.findIndex(({ store }) => store === 'b')).toBeLessThan(10);
      },
      120_000,
    );

    it('does so while a consumer is running', async () => {
      const gate = Promise.withResolvers<void>();
      const started: string[] = [];
      fixture.consume(async ({ store = '' }) => {
        started.push(store);
        await gate.promise;
        return { kind: 'done' };
      });
      await enqueueInTurn(fixture.queue, jobsOf('a', 1_000));
      await expect.poll(() => started.length, { timeout: 300_000 }).toBe(4);
      await fixture.queue.enqueue(newJob('b'));
      gate.resolve();
      await expect.poll(() => started.indexOf('b'), { timeout: 300_000 }).toBeGreaterThan(0);
      expect(started.indexOf('b') - 4).toBeLessThan(10);
    }, 600_000);

    it('does so although two producers add the alerts', async (test) => {
      const other = openAlertQueue(fixture.url, () => {});
      test.onTestFinished(() => other.close());
      await Promise.all([enqueueInTurn(fixture.queue, jobsOf('a', 500)), enqueueInTurn(other, jobsOf('a', 500))]);
      await other.enqueue(newJob('b'));
      const started = await startedUntil((stores) => stores.includes('b'));
      expect(started.findIndex(({ store }) => store === 'b')).toBeLessThan(10);
    }, 600_000);

    it('is fair again when the queue was deleted and its jobs are enqueued again', async () => {
      const [a, b] = [jobsOf('a', 1_000), newJob('b')];
      await enqueueInTurn(fixture.queue, [...a, b]);
      await fixture.clear();
      expect(await fixture.queue.enqueueAgain([...a, b])).toBe(1_001);
      const started = await startedUntil((stores) => stores.includes('b'));
      expect(started.findIndex(({ store }) => store === 'b')).toBeLessThan(10);
    }, 600_000);

    it('interleaves three stores and keeps the order of each', async () => {
      const all = { a: jobsOf('a', 200), b: jobsOf('b', 120), c: jobsOf('c', 60) };
      for (const jobs of [all.a, all.b, all.c]) await fixture.queue.enqueueAgain(jobs);
      const started = await startedUntil((stores) => stores.length === 380);
      const count = (store: string, of: number) => started.slice(0, of).filter((job) => job.store === store).length;
      expect(count('c', 180)).toBeGreaterThan(50);
      expect(count('b', 180)).toBeGreaterThan(50);
      expect(count('a', 180)).toBeGreaterThan(50);
      for (const [store, jobs] of Object.entries(all)) {
        expect(started.filter((job) => job.store === store).map(({ uuid }) => uuid)).toEqual(
          jobs.map(({ uuid }) => uuid),
        );
      }
    }, 600_000);

    it('does not move a store back for alerts that were processed', async () => {
      await enqueueInTurn(fixture.queue, jobsOf('a', 500));
      await startedUntil((stores) => stores.length === 500, 8);
      await enqueueInTurn(fixture.queue, jobsOf('c', 500));
      const late = newJob('a');
      await fixture.queue.enqueue(late);
      const started = await startedUntil((stores) => stores.includes('a'));
      expect(started.findIndex(({ store }) => store === 'a')).toBeLessThan(10);
    }, 600_000);

    it('keeps the priority of a job that is retried after a delay', async () => {
      const jobs = jobsOf('a', 40);
      await fixture.queue.enqueueAgain(jobs);
      const last = jobs.at(-1) ?? newJob();
      const stored = async () => {
        const job = await fixture.queue.bull().getJob(last.uuid);
        return { state: await job?.getState(), priority: job?.priority };
      };
      expect(await stored()).toEqual({ state: 'prioritized', priority: 9 });
      const consumer = fixture.consume(async ({ uuid }) =>
        uuid === last.uuid ? { kind: 'retry', reason: 'later', delayMs: 2_000 } : { kind: 'done' },
      );
      await expect.poll(stored, { timeout: 300_000 }).toEqual({ state: 'delayed', priority: 9 });
      const due = Date.now() + 2_000;
      await consumer.close(0);
      await fixture.queue.enqueueAgain(jobsOf('c', 1_000));
      expect(await fixture.queue.findLost([last])).toEqual([]);
      await expect.poll(() => Date.now(), { timeout: 150_000 }).toBeGreaterThan(due);
      const started = await startedUntil((stores) => stores.includes('a'));
      // After at most the rounds 0 to 9 of the other store.
      expect(started.findIndex(({ store }) => store === 'a')).toBeLessThanOrEqual(40);
    }, 600_000);

    it('counts jobs with a priority as waiting', async () => {
      await fixture.queue.enqueueAgain(jobsOf('a', 100));
      expect((await fixture.queue.state()).jobs).toEqual({ waiting: 100, active: 0, delayed: 0, failed: 0 });
      expect((await fixture.queue.usage()).depth).toBe(100);
      expect(await fixture.queue.bull().getJobCounts('waiting', 'prioritized')).toEqual({
        waiting: 4,
        prioritized: 96,
      });
    });

    it('does not move new alerts of a store back for its delayed ones', async () => {
      const notBefore = new Date(Date.now() + 3_600_000);
      await fixture.queue.enqueueAgain(jobsOf('a', 100).map((job) => ({ ...job, notBefore })));
      const fresh = newJob('a');
      await fixture.queue.enqueue(fresh);
      expect(await fixture.queue.bull().getJobState(fresh.uuid)).toBe('waiting');
    });
  });
}
