import { describe, expect, it, vi } from 'vitest';
import type { JobResult } from '../queue.ts';
import { BACKENDS, COMPLETED, newJob, openFixture, openStoppedFixture, type QueueFixture } from './queue-fixture.ts';

const SOON = { timeout: 150_000 };

/** Starts a consumer of one job at a time and waits until it has one. The job ends by `end`, or with `onAbort` when its signal aborts. */
async function consumeOne(fixture: QueueFixture, { onAbort }: { onAbort: JobResult | 'ignore' }) {
  const job = newJob();
  const started = Promise.withResolvers<AbortSignal>();
  const result = Promise.withResolvers<JobResult>();
  const consumer = fixture.consume((_, signal) => {
    started.resolve(signal);
    if (onAbort !== 'ignore') signal.addEventListener('abort', () => result.resolve(onAbort));
    return result.promise;
  }, 1);
  await fixture.queue.enqueue(job);
  return { job, consumer, signal: await started.promise, end: () => result.resolve({ kind: 'done' }) };
}

const RELEASED: JobResult = { kind: 'retry', reason: 'aborted' };

// A close() that hangs fails its test by the test's timeout.
for (const { name, missing } of BACKENDS) {
  const expectCompleted = ({ queue }: QueueFixture, uuid: string) =>
    vi.waitFor(async () => expect(await queue.bull().getJobState(uuid)).toBe(COMPLETED[name]), SOON);
  describe.skipIf(missing)(`closing on ${name}`, { concurrent: true, timeout: 150_000 }, () => {
    it('waits for a job in progress, and takes no other', async (test) => {
      const fixture = await openFixture(name, test);
      const { job, consumer, signal, end } = await consumeOne(fixture, { onAbort: RELEASED });
      const closed = consumer.close(60_000);
      const next = newJob();
      await fixture.queue.enqueue(next);
      end();
      await closed;
      expect(signal.aborted).toBe(false);
      expect(await fixture.queue.bull().getJobState(job.uuid)).toBe(COMPLETED[name]);
      expect(await fixture.queue.bull().getJobState(next.uuid)).toBe('waiting');
    });

    it('aborts a job that outlasts the grace period, and releases it to another consumer', async (test) => {
      const fixture = await openFixture(name, test);
      const { job, consumer, signal } = await consumeOne(fixture, { onAbort: RELEASED });
      await consumer.close(100);
      expect(signal.reason).toBe('the worker is stopping');
      expect(await fixture.queue.bull().getJobState(job.uuid)).toBe('delayed');
      fixture.consume(async () => ({ kind: 'done' }));
      await expectCompleted(fixture, job.uuid);
    });

    it('does not wait for a job that ignores its signal', async (test) => {
      const fixture = await openFixture(name, test);
      const { job, consumer, end } = await consumeOne(fixture, { onAbort: 'ignore' });
      await consumer.close(100);
      expect(await fixture.queue.bull().getJobState(job.uuid)).toBe('active');
      end();
      await expectCompleted(fixture, job.uuid);
    });

    it('ends if the backend was never available', async (test) => {
      const fixture = await openStoppedFixture(name, test);
      const consumer = fixture.consume(async () => ({ kind: 'done' }));
      await expect(fixture.queue.ping()).rejects.toThrow('the queue is unavailable');
      await consumer.close(100);
      await fixture.queue.close();
    });

    it('ends if the backend has stopped', async (test) => {
      const fixture = await openFixture(name, test);
      const { consumer, end } = await consumeOne(fixture, { onAbort: RELEASED });
      end();
      await fixture.stop();
      await expect(fixture.queue.ping()).rejects.toThrow('the queue is unavailable');
      await consumer.close(100);
      await fixture.queue.close();
    });

    it('ends if the backend is silent', async (test) => {
      const fixture = await openFixture(name, test);
      const { consumer, end } = await consumeOne(fixture, { onAbort: RELEASED });
      end();
      fixture.freeze();
      await expect(fixture.queue.ping()).rejects.toThrow('the queue is unavailable');
      await consumer.close(100);
      await fixture.queue.close();
      fixture.thaw();
    });
  });
}
