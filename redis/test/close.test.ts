import { describe, expect, it } from 'vitest';
import type { JobResult } from '../queue.ts';
import { BACKENDS, DONE, newJob, openWorld, openWorldAway, type World } from './queue-fixture.ts';

const SOON = { timeout: 10_000 };
/** What close() takes at most beyond its grace, with room for a busy machine. */
const CLOSE_LIMIT_MS = 5_000;

async function millisecondsOf(work: Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work;
  return performance.now() - start;
}

/** A consumer of one job at a time that has taken one; it ends by `end` or, if so wished, when its signal aborts. */
async function consumeOne(world: World, { heedSignal }: { heedSignal: boolean }) {
  const job = newJob();
  const taken = Promise.withResolvers<AbortSignal>();
  const end = Promise.withResolvers<JobResult>();
  const consumer = world.consume((_, signal) => {
    taken.resolve(signal);
    if (heedSignal) signal.addEventListener('abort', () => end.resolve({ kind: 'retry', reason: 'broken off' }));
    return end.promise;
  }, 1);
  await world.queue.enqueue(job);
  return { job, consumer, signal: await taken.promise, end: () => end.resolve({ kind: 'done' }) };
}

for (const { backend, missing } of BACKENDS) {
  describe.skipIf(missing)(`closing on ${backend}`, () => {
    it('waits for a running job, and takes no other', async (test) => {
      const world = await openWorld(backend, test);
      const { job, consumer, signal, end } = await consumeOne(world, { heedSignal: true });
      const closed = consumer.close(60_000);
      const next = newJob();
      await world.queue.enqueue(next);
      end();
      await closed;
      expect(signal.aborted).toBe(false);
      expect(await world.queue.bull().getJobState(job.uuid)).toBe(DONE[backend]);
      expect(await world.queue.bull().getJobState(next.uuid)).toBe('waiting');
    });

    it('aborts a job that outlasts the grace, which goes back and is delivered elsewhere', async (test) => {
      const world = await openWorld(backend, test);
      const { job, consumer, signal } = await consumeOne(world, { heedSignal: true });
      await consumer.close(100);
      expect(signal.reason).toBe('the worker stops');
      expect(await world.queue.bull().getJobState(job.uuid)).toBe('delayed');
      world.consume(async () => ({ kind: 'done' }));
      await expect.poll(() => world.queue.bull().getJobState(job.uuid), SOON).toBe(DONE[backend]);
    });

    it('leaves a job that heeds no signal to its lock', async (test) => {
      const world = await openWorld(backend, test);
      const { job, consumer, end } = await consumeOne(world, { heedSignal: false });
      expect(await millisecondsOf(consumer.close(100))).toBeLessThan(CLOSE_LIMIT_MS);
      expect(await world.queue.bull().getJobState(job.uuid)).toBe('active');
      end();
      await expect.poll(() => world.queue.bull().getJobState(job.uuid), SOON).toBe(DONE[backend]);
    });

    it('ends in time when the backend was away from the beginning', async (test) => {
      const world = await openWorldAway(backend, test);
      const consumer = world.consume(async () => ({ kind: 'done' }));
      await expect(world.queue.ping()).rejects.toThrow('the queue does not answer');
      expect(await millisecondsOf(consumer.close(100))).toBeLessThan(CLOSE_LIMIT_MS);
      expect(await millisecondsOf(world.queue.close())).toBeLessThan(CLOSE_LIMIT_MS);
    });

    it('ends in time when the backend has gone away', async (test) => {
      const world = await openWorld(backend, test);
      const { consumer, end } = await consumeOne(world, { heedSignal: true });
      end();
      await world.away();
      await expect(world.queue.ping()).rejects.toThrow('the queue does not answer');
      expect(await millisecondsOf(consumer.close(100))).toBeLessThan(CLOSE_LIMIT_MS);
      expect(await millisecondsOf(world.queue.close())).toBeLessThan(CLOSE_LIMIT_MS);
    });

    it('ends in time when the backend has stopped answering', async (test) => {
      const world = await openWorld(backend, test);
      const { consumer, end } = await consumeOne(world, { heedSignal: true });
      end();
      world.freeze();
      await expect(world.queue.ping()).rejects.toThrow('the queue does not answer');
      expect(await millisecondsOf(consumer.close(100))).toBeLessThan(CLOSE_LIMIT_MS);
      expect(await millisecondsOf(world.queue.close())).toBeLessThan(CLOSE_LIMIT_MS);
      world.thaw();
    });
  });
}
