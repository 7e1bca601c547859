import { describe, expect, it } from 'vitest';
import { QueueUnavailable } from '../errors.ts';
import type { AlertQueue, JobResult } from '../queue.ts';
import { BACKENDS, DONE, newJob, openWorld, openWorldAway, type World } from './queue-fixture.ts';

/** A request that waits behind the queue is answered in this time. */
const ANSWER_LIMIT_MS = 3_500;
const RECOVERY_LIMIT = { timeout: 15_000, interval: 100 };

const CALLS: [string, (queue: AlertQueue) => Promise<unknown>][] = [
  ['enqueue', (queue) => queue.enqueue(newJob())],
  ['enqueueAgain', (queue) => queue.enqueueAgain([newJob()])],
  ['ping', (queue) => queue.ping()],
];

async function expectUnavailableInTime(world: World, limitMs = ANSWER_LIMIT_MS): Promise<void> {
  const start = performance.now();
  await Promise.all(
    CALLS.map(async ([name, call]) => {
      const outcome = await call(world.queue).catch((error: unknown) => error);
      expect(outcome, name).toBeInstanceOf(QueueUnavailable);
      expect(performance.now() - start, name).toBeLessThan(limitMs);
    }),
  );
}

async function expectWorksAgain(world: World): Promise<void> {
  await expect.poll(() => world.queue.ping().then(() => 'answers', String), RECOVERY_LIMIT).toBe('answers');
  const job = newJob();
  await world.queue.enqueue(job);
  expect(await world.queue.bull().getJobState(job.uuid)).not.toBe('unknown');
}

/** Consumes, remembering which alerts came. */
function consumeAll(world: World): string[] {
  const taken: string[] = [];
  world.consume(async ({ uuid }) => {
    taken.push(uuid);
    return { kind: 'done' };
  });
  return taken;
}

async function expectTakesJobs(world: World, taken: string[]): Promise<void> {
  const job = newJob();
  const sent = () => world.queue.enqueue(job).then(() => 'sent', String);
  await expect.poll(sent, RECOVERY_LIMIT).toBe('sent');
  await expect.poll(() => taken, RECOVERY_LIMIT).toContain(job.uuid);
}

for (const { backend, missing } of BACKENDS) {
  describe.skipIf(missing)(`${backend} goes away`, () => {
    it('sending fails in time, and works again when it is back', async (test) => {
      const world = await openWorld(backend, test);
      await world.queue.ping();
      await world.away();
      await expectUnavailableInTime(world);
      await world.back();
      await expectWorksAgain(world);
    });

    it('sending fails in time where it was away when the queue was opened, and works when it comes', async (test) => {
      const world = await openWorldAway(backend, test);
      await expectUnavailableInTime(world);
      await world.back();
      await expectWorksAgain(world);
    });

    it('sending fails in time when it stops answering, and works again when it does', async (test) => {
      const world = await openWorld(backend, test);
      await world.queue.ping();
      world.freeze();
      await expectUnavailableInTime(world);
      // Known to be silent: nobody else waits for it.
      await expectUnavailableInTime(world, ANSWER_LIMIT_MS / 3);
      world.thaw();
      await expectWorksAgain(world);
    });

    it('a consumer takes jobs again when it is back', async (test) => {
      const world = await openWorld(backend, test);
      const taken = consumeAll(world);
      await expectTakesJobs(world, taken);
      await world.away();
      await expectUnavailableInTime(world);
      await world.back();
      await expectTakesJobs(world, taken);
    });

    it('a consumer with more to do does not storm a backend that cuts every connection', async (test) => {
      const world = await openWorld(backend, test);
      const jobs = [newJob(), newJob(), newJob()];
      const [first, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const consume = async (): Promise<JobResult> => {
        first.resolve();
        await ended.promise;
        return { kind: 'done' };
      };
      world.consume(consume, 1);
      for (const job of jobs) await world.queue.enqueue(job);
      await first.promise;
      world.drop();
      ended.resolve();
      const start = performance.now();
      await expect.poll(() => world.errors.length, RECOVERY_LIMIT).toBeGreaterThan(8);
      const seconds = (performance.now() - start) / 1_000;
      // Some 5,000 a second without a pause, 2 to 9 with it.
      expect(world.errors.length).toBeLessThan(50 * (seconds + 1));
      await world.accept();
      const left = () =>
        world.queue
          .bull()
          .getJobCounts('waiting', 'active', 'delayed', 'failed')
          .catch(() => ({}));
      const none = { waiting: 0, active: 0, delayed: 0, failed: 0 };
      await expect.poll(left, { timeout: 25_000, interval: 200 }).toEqual(none);
    }, 60_000);

    it('a consumer takes jobs when it comes, though it was away when the consumer was opened', async (test) => {
      const world = await openWorldAway(backend, test);
      const taken = consumeAll(world);
      await expectUnavailableInTime(world);
      await world.back();
      await expectTakesJobs(world, taken);
    });

    it('a consumer takes jobs again after its backend had stopped answering', async (test) => {
      const world = await openWorld(backend, test);
      const taken = consumeAll(world);
      await expectTakesJobs(world, taken);
      world.freeze();
      await expectUnavailableInTime(world);
      world.thaw();
      await expectTakesJobs(world, taken);
    });

    it('a job that ended while it was away is not lost', async (test) => {
      const world = await openWorld(backend, test);
      const job = newJob();
      const first = Promise.withResolvers<void>();
      const ended = Promise.withResolvers<void>();
      world.consume(async () => {
        first.resolve();
        await ended.promise;
        return { kind: 'done' };
      });
      await world.queue.enqueue(job);
      await first.promise;
      await world.away();
      ended.resolve();
      await expectUnavailableInTime(world);
      await world.back();
      const state = () => world.queue.bull().getJobState(job.uuid).catch(String);
      await expect.poll(state, { timeout: 25_000, interval: 200 }).toBe(DONE[backend]);
    }, 45_000);
  });
}
