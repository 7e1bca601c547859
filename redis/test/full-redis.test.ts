import { Redis } from 'ioredis';
import { beforeEach, describe, expect, it } from 'vitest';
import { JOB_NAME } from '../contract.ts';
import { capacityOf, MEMORY_LIMITS } from '../usage.ts';
import { BACKENDS, newJob, openFixture, type QueueFixture } from './queue-fixture.ts';

const MIB = 1024 * 1024;
const LIMIT_BYTES = 6 * MIB;

describe.skipIf(BACKENDS[0].missing)('a full Redis', () => {
  let fixture: QueueFixture;
  let redis: Redis;
  beforeEach(async (test) => {
    fixture = await openFixture('redis', test);
    redis = new Redis(fixture.url);
    redis.on('error', () => {});
    test.onTestFinished(() => redis.disconnect());
    await redis.config('SET', 'maxmemory', LIMIT_BYTES);
  });
  const counts = () => fixture.queue.bull().getJobCounts('waiting', 'delayed', 'completed');
  async function fill(options: { delay?: number; priority?: number } = {}): Promise<void> {
    const batch = () =>
      Array.from({ length: 200 }, () => {
        const job = newJob();
        return { name: JOB_NAME, data: job, opts: { jobId: job.uuid, ...options } };
      });
    for (;;) {
      try {
        await fixture.queue.bull().addBulk(batch());
      } catch {
        return;
      }
    }
  }

  it('drains after the newest jobs were removed, and never again takes the last part of its memory', async () => {
    await fill();
    await expect(fixture.queue.enqueue(newJob())).rejects.toThrow('the queue is unavailable');
    let handled = 0;
    fixture.consume(async () => {
      handled += 1;
      return { kind: 'done' };
    }, 16);
    await expect.poll(() => fixture.errors.some(({ message }) => /OOM/.test(message)), { timeout: 150_000 }).toBe(true);
    expect(handled).toBe(0);
    const before = (await counts()).waiting ?? 0;
    const removed = await fixture.queue.relieve();
    expect(removed).toBeGreaterThan(0);
    expect(removed).toBeLessThan(before / 2);
    await expect.poll(() => handled, { timeout: 150_000 }).toBeGreaterThanOrEqual(before - removed);
    expect(await counts()).toMatchObject({ waiting: 0, delayed: 0 });
    expect(await fixture.queue.relieve()).toBe(0);
  }, 120_000);

  it('makes space by removing delayed jobs if none is waiting', async () => {
    await fill({ delay: 600_000 });
    const before = (await counts()).delayed ?? 0;
    const removed = await fixture.queue.relieve();
    expect((await counts()).delayed).toBe(before - removed);
    expect(removed).toBeGreaterThan(0);
    await expect(fixture.queue.enqueue(newJob())).resolves.toBeUndefined();
  });

  it('makes space by removing the last jobs of busy stores before those of quiet ones', async () => {
    const quiet = Array.from({ length: 100 }, () => newJob());
    await fixture.queue.enqueueAgain(quiet);
    await fill({ priority: 7 });
    const removed = await fixture.queue.relieve();
    expect(removed).toBeGreaterThan(0);
    expect(await fixture.queue.findLost(quiet)).toEqual([]);
    expect((await counts()).waiting).toBe(100);
    await expect(fixture.queue.enqueue(newJob())).resolves.toBeUndefined();
  });

  it('has no capacity for background jobs from 80 % on, and none for new alerts from 90 % on', async () => {
    const capacity = async (memoryShare: number) =>
      capacityOf(await fixture.queue.usage(), { maxDepth: 1_000_000, memoryShare });
    const usedShare = async () => ((await fixture.queue.usage()).memory?.used ?? 0) / LIMIT_BYTES;
    for (;;) {
      const count = Math.min(200, await capacity(MEMORY_LIMITS.background));
      if (count === 0) break;
      await fixture.queue.enqueueAgain(Array.from({ length: count }, () => newJob()));
    }
    expect(await usedShare()).toBeGreaterThan(0.7);
    expect(await usedShare()).toBeLessThan(MEMORY_LIMITS.newAlerts);
    expect(await capacity(MEMORY_LIMITS.newAlerts)).toBeGreaterThan(100);
    expect(await fixture.queue.relieve()).toBe(0);
    let handled = 0;
    const { waiting = 0 } = await counts();
    fixture.consume(async () => {
      handled += 1;
      return { kind: 'done' };
    }, 16);
    await expect.poll(() => handled, { timeout: 150_000 }).toBe(waiting);
  }, 120_000);
});

describe('the capacity in a queue', () => {
  const limits = { maxDepth: 100, memoryShare: 0.8 };
  it.each([
    [{ depth: 30 }, 70],
    [{ depth: 130 }, 0],
    [{ depth: 30, memory: { used: 5_000_000, max: 0 } }, 70],
    [{ depth: 30, memory: { used: 780_000, max: 1_000_000 } }, 20],
    [{ depth: 30, memory: { used: 900_000, max: 1_000_000 } }, 0],
  ])('with %j is %i', (usage, capacity) => {
    expect(capacityOf(usage, limits)).toBe(capacity);
  });
});
