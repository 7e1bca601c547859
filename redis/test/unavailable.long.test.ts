import { describe, expect, it, vi } from 'vitest';
import { QUEUE_TIMEOUT_MS } from '../contract.ts';
import { QueueUnavailable } from '../errors.ts';
import type { AlertQueue, JobResult } from '../queue.ts';
import { BACKENDS, COMPLETED, newJob, openFixture, openStoppedFixture, type QueueFixture } from './queue-fixture.ts';

const RECOVERY = { timeout: 150_000, interval: 100 };

const CALLS: ((queue: AlertQueue) => Promise<unknown>)[] = [
  (queue) => queue.enqueue(newJob()),
  (queue) => queue.enqueueAgain([newJob()]),
  (queue) => queue.ping(),
];

/** Every call rejects. A call that hangs fails the test by the test's timeout. */
async function expectUnavailable({ queue }: QueueFixture): Promise<void> {
  const outcomes = await Promise.all(CALLS.map((call) => call(queue).catch((error: unknown) => error)));
  for (const outcome of outcomes) expect(outcome).toBeInstanceOf(QueueUnavailable);
}

async function expectRecovers({ queue }: QueueFixture): Promise<void> {
  await vi.waitFor(() => queue.ping(), RECOVERY);
  const job = newJob();
  await queue.enqueue(job);
  expect(await queue.bull().getJobState(job.uuid)).not.toBe('unknown');
}

/** Consumes jobs and returns the list of their uuids. */
function recordJobs(fixture: QueueFixture): string[] {
  const received: string[] = [];
  fixture.consume(async ({ uuid }) => {
    received.push(uuid);
    return { kind: 'done' };
  });
  return received;
}

async function expectReceivesJobs({ queue }: QueueFixture, received: string[]): Promise<void> {
  const job = newJob();
  await vi.waitFor(() => queue.enqueue(job), RECOVERY);
  await vi.waitFor(() => expect(received).toContain(job.uuid), RECOVERY);
}

// Most of the time is spent waiting for timeouts and lock expiry, so the tests run concurrently. vi.waitFor, because
// expect.poll does not know its test then.
for (const { name, missing } of BACKENDS) {
  describe.skipIf(missing)(`while ${name} is unavailable`, { concurrent: true, timeout: 600_000 }, () => {
    it('the producer throws, and works again after a restart', async (test) => {
      const fixture = await openFixture(name, test);
      await fixture.queue.ping();
      await fixture.stop();
      await expectUnavailable(fixture);
      await fixture.start();
      await expectRecovers(fixture);
    });

    it('a new producer throws, and works after the start', async (test) => {
      const fixture = await openStoppedFixture(name, test);
      await expectUnavailable(fixture);
      await fixture.start();
      await expectRecovers(fixture);
    });

    it('the producer throws from a silent backend, at once after the first timeout, and recovers', async (test) => {
      const fixture = await openFixture(name, test);
      await fixture.queue.ping();
      fixture.freeze();
      await expectUnavailable(fixture);
      // The circuit breaker is open: ten calls, one after the other, do not take ten timeouts of 3 s.
      const start = performance.now();
      for (let n = 0; n < 10; n += 1) await expect(fixture.queue.ping()).rejects.toThrow(QueueUnavailable);
      expect(performance.now() - start).toBeLessThan(10 * QUEUE_TIMEOUT_MS);
      fixture.thaw();
      await expectRecovers(fixture);
    });

    it('a consumer waits, and receives jobs after a restart', async (test) => {
      const fixture = await openFixture(name, test);
      const received = recordJobs(fixture);
      await expectReceivesJobs(fixture, received);
      await fixture.stop();
      await expectUnavailable(fixture);
      await fixture.start();
      await expectReceivesJobs(fixture, received);
    });

    it('a consumer with jobs left does not flood a backend that cuts every connection', async (test) => {
      const fixture = await openFixture(name, test);
      const [started, finish] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const consume = async (): Promise<JobResult> => {
        started.resolve();
        await finish.promise;
        return { kind: 'done' };
      };
      fixture.consume(consume, 1);
      for (const job of [newJob(), newJob(), newJob()]) await fixture.queue.enqueue(job);
      await started.promise;
      fixture.drop();
      finish.resolve();
      const start = performance.now();
      await vi.waitFor(() => expect(fixture.errors.length).toBeGreaterThan(8), RECOVERY);
      const seconds = (performance.now() - start) / 1_000;
      // About 5,000 per second without a pause, 2 to 9 with it.
      expect(fixture.errors.length).toBeLessThan(50 * (seconds + 1));
      await fixture.accept();
      const jobCounts = () =>
        fixture.queue
          .bull()
          .getJobCounts('waiting', 'active', 'delayed', 'failed')
          .catch(() => ({}));
      await vi.waitFor(
        async () => expect(await jobCounts()).toEqual({ waiting: 0, active: 0, delayed: 0, failed: 0 }),
        RECOVERY,
      );
    });

    it('a new consumer waits, and receives jobs after the start', async (test) => {
      const fixture = await openStoppedFixture(name, test);
      const received = recordJobs(fixture);
      await expectUnavailable(fixture);
      await fixture.start();
      await expectReceivesJobs(fixture, received);
    });

    it('a consumer receives jobs after its backend was silent', async (test) => {
      const fixture = await openFixture(name, test);
      const received = recordJobs(fixture);
      await expectReceivesJobs(fixture, received);
      fixture.freeze();
      await expectUnavailable(fixture);
      fixture.thaw();
      await expectReceivesJobs(fixture, received);
    });

    it('a job that ends is not lost', async (test) => {
      const fixture = await openFixture(name, test);
      const job = newJob();
      const [started, finish] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      fixture.consume(async () => {
        started.resolve();
        await finish.promise;
        return { kind: 'done' };
      });
      await fixture.queue.enqueue(job);
      await started.promise;
      await fixture.stop();
      finish.resolve();
      await expectUnavailable(fixture);
      await fixture.start();
      const state = () => fixture.queue.bull().getJobState(job.uuid).catch(String);
      await vi.waitFor(async () => expect(await state()).toBe(COMPLETED[name]), RECOVERY);
    });
  });
}
