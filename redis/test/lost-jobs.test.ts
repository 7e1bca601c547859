import { Redis } from 'ioredis';
import { beforeEach, describe, expect, it } from 'vitest';
import { type AlertJob, LONGEST_DELAY_MS } from '../contract.ts';
import type { JobResult } from '../queue.ts';
import { BACKENDS, newJob, openFixture, type QueueFixture, runSql } from './queue-fixture.ts';

const YEAR_MS = 365 * 24 * 3_600_000;
const KEY = 'bull:alerts:';

let fixture: QueueFixture;

/** Consumes until this alert's own job arrives, with its data. */
async function expectDelivery(job: AlertJob): Promise<void> {
  const received: AlertJob[] = [];
  const consumer = fixture.consume(async (data) => {
    received.push(data);
    return { kind: 'done' };
  });
  await expect.poll(() => received, { timeout: 150_000 }).toContainEqual(job);
  await consumer.close(0);
}

/** Delivers the job once, with this result. */
async function deliver(job: AlertJob, result: JobResult, state: string): Promise<void> {
  await fixture.queue.enqueue(job);
  const consumer = fixture.consume(async () => result);
  await expect.poll(() => fixture.queue.bull().getJobState(job.uuid), { timeout: 150_000 }).toBe(state);
  await consumer.close(0);
}

describe.skipIf(BACKENDS[0].missing)('a job of which some keys were deleted from Redis', () => {
  let redis: Redis;
  let job: AlertJob;
  beforeEach(async (test) => {
    fixture = await openFixture('redis', test);
    redis = new Redis(fixture.url);
    redis.on('error', () => {});
    test.onTestFinished(() => redis.disconnect());
    job = newJob();
  });
  const hash = () => `${KEY}${job.uuid}`;
  const waiting = () => fixture.queue.enqueue(job);
  /** After other jobs of its store, so it has a priority. */
  const prioritized = async () => {
    await fixture.queue.enqueueAgain(Array.from({ length: 9 }, () => newJob(job.store)));
    await waiting();
    expect(await fixture.queue.bull().getJobState(job.uuid)).toBe('prioritized');
  };
  const delayed = () => deliver(job, { kind: 'retry', reason: 'later', delayMs: 600_000 }, 'delayed');
  const completed = () => deliver(job, { kind: 'done' }, 'completed');
  const failed = () => deliver(job, { kind: 'failed', reason: 'final' }, 'failed');
  /** As after a SIGKILL: in the active list; the lock is set by each case. */
  const active = async () => {
    await waiting();
    await redis.lmove(`${KEY}wait`, `${KEY}active`, 'RIGHT', 'LEFT');
  };
  const remove = (...keys: string[]) => redis.del(...keys.map((key) => (key === 'hash' ? hash() : `${KEY}${key}`)));
  const lock = (ms: number) => redis.set(`${hash()}:lock`, 'token', 'PX', ms);

  it.each<[string, () => Promise<unknown>, () => Promise<unknown>]>([
    ['waiting, only its hash left', waiting, () => remove('wait')],
    ['waiting, only its hash left, and the marker', waiting, () => remove('wait', 'meta', 'id', 'events')],
    ['waiting, only its list entry left', waiting, () => remove('hash')],
    ['waiting, its data deleted', waiting, () => redis.hdel(hash(), 'data')],
    [
      'waiting in the list of paused jobs that no worker reads',
      waiting,
      () => redis.rename(`${KEY}wait`, `${KEY}paused`),
    ],
    [
      'waiting, only its hash left, with a lock that never ends',
      waiting,
      async () => {
        await remove('wait');
        await redis.set(`${hash()}:lock`, 'token');
      },
    ],
    ['delayed, only its hash left', delayed, () => remove('delayed')],
    ['delayed, only its set entry left', delayed, () => remove('hash')],
    ['active, only its hash left', active, () => remove('active')],
    ['active, only its list entry left', active, () => remove('hash')],
    [
      'active, only list entry and lock left',
      active,
      async () => {
        await lock(10_000);
        await remove('hash');
      },
    ],
    ['completed, only its hash left', completed, () => remove('completed')],
    ['completed, only its set entry left', completed, () => remove('hash')],
    ['failed, only its hash left', failed, () => remove('failed')],
    ['failed, only its set entry left', failed, () => remove('hash')],
    [
      'only a lock left',
      waiting,
      async () => {
        await redis.flushall();
        await redis.set(`${hash()}:lock`, 'token');
      },
    ],
    [
      'not a hash',
      waiting,
      async () => {
        await redis.flushall();
        await redis.set(hash(), 'text');
      },
    ],
    [
      'waiting for children that do not exist',
      waiting,
      async () => {
        await remove('wait');
        await redis.zadd(`${KEY}waiting-children`, Date.now(), job.uuid);
      },
    ],
    ['waiting with a priority, only its hash left', prioritized, () => remove('prioritized')],
    ['waiting with a priority, only its set entry left', prioritized, () => remove('hash')],
  ])(
    '%s: is added again and delivered',
    async (_, prepare, damage) => {
      await prepare();
      await damage();
      expect(await fixture.queue.findLost([job])).toEqual([job]);
      expect(await fixture.queue.enqueueAgain([job])).toBe(1);
      expect(await fixture.queue.findLost([job])).toEqual([]);
      expect(await fixture.queue.enqueueAgain([job])).toBe(0);
      await expectDelivery(job);
    },
    60_000,
  );

  it.each<[string, () => Promise<unknown>, () => Promise<unknown>]>([
    ['waiting, the marker deleted', waiting, () => remove('marker')],
    ['waiting, settings and events deleted', waiting, () => remove('meta', 'id', 'events')],
    ['active, without lock: the worker vanished', active, async () => {}],
    [
      'active, its list entry deleted, with a lock',
      active,
      async () => {
        await lock(3_000);
        await remove('active');
      },
    ],
  ])(
    '%s: is not added again at once, and is delivered',
    async (_, prepare, damage) => {
      await prepare();
      await damage();
      expect(await fixture.queue.enqueueAgain([job])).toBe(0);
      await expect.poll(() => redis.exists(`${hash()}:lock`), { timeout: 150_000 }).toBe(0);
      await fixture.queue.enqueueAgain([job]);
      await expectDelivery(job);
    },
    60_000,
  );

  it('is found among thousands of waiting jobs, at the latest when its turn has passed', async () => {
    const others = Array.from({ length: 1_500 }, () => newJob());
    await waiting();
    await redis.hset(hash(), 'timestamp', Date.now() - 60_000);
    await remove('wait');
    await fixture.queue.enqueueAgain(others);
    const late = newJob();
    await fixture.queue.enqueue(late);
    await redis.lrem(`${KEY}wait`, 1, late.uuid);
    expect(await fixture.queue.findLost([job, ...others, late])).toEqual([job]);
    expect(await fixture.queue.enqueueAgain([job, ...others, late])).toBe(1);
    await redis.ltrim(`${KEY}wait`, 0, 99);
    expect(await fixture.queue.findLost([late])).toEqual([late]);
  });

  it('is not confused with retried jobs, which are older than the jobs before them', async () => {
    const retried = Array.from({ length: 10 }, () => newJob());
    await fixture.queue.enqueueAgain(Array.from({ length: 1_500 }, () => newJob()));
    await fixture.queue.enqueueAgain(retried);
    for (const { uuid } of retried) await redis.hset(`${KEY}${uuid}`, 'timestamp', Date.now() - 3_600_000);
    expect(await fixture.queue.findLost(retried)).toEqual([]);
  });
});

for (const { name, missing } of BACKENDS) {
  describe.skipIf(missing)(`a forged job on ${name}`, () => {
    let job: AlertJob;
    beforeEach(async (test) => {
      fixture = await openFixture(name, test);
      job = newJob();
    });
    const forge = (options: { delay?: number; priority?: number }) =>
      fixture.queue.bull().add('alert', { uuid: job.uuid, requestId: 'forged' }, { jobId: job.uuid, ...options });

    it.each([
      ['is delayed for ten years', { delay: 10 * YEAR_MS }],
      ['is delayed longer than any retry', { delay: LONGEST_DELAY_MS + 60_000 }],
    ])(
      'that %s is replaced',
      async (_, options) => {
        await forge(options);
        await fixture.queue.enqueue(job);
        expect(await fixture.queue.findLost([job])).toEqual([job]);
        expect(await fixture.queue.enqueueAgain([job])).toBe(1);
        await expectDelivery(job);
      },
      60_000,
    );

    it('that has a priority is delivered', async () => {
      await forge({ priority: 2_000_000 });
      expect(await fixture.queue.enqueueAgain([job])).toBe(0);
      await expectDelivery({ ...job, requestId: 'forged', store: undefined });
    }, 60_000);

    it('that is delayed until the time of the alert is kept', async () => {
      await forge({ delay: 2 * LONGEST_DELAY_MS });
      const notBefore = new Date(Date.now() + 2 * LONGEST_DELAY_MS);
      expect(await fixture.queue.enqueueAgain([{ ...job, notBefore }])).toBe(0);
    });

    it('with the data of another alert does not prevent the delivery', async () => {
      await fixture.queue.bull().add('alert', newJob(), { jobId: job.uuid });
      const consumer = fixture.consume(async () => ({ kind: 'done' }));
      await expect.poll(() => fixture.queue.findLost([job]), { timeout: 150_000 }).toEqual([job]);
      await consumer.close(0);
      expect(await fixture.queue.enqueueAgain([job])).toBe(1);
      await expectDelivery(job);
    }, 60_000);
  });
}

it('a forged job on postgres that is active without end, or waits for children, is replaced', async (test) => {
  fixture = await openFixture('postgres', test);
  const jobs = [newJob(), newJob(), newJob(), newJob()];
  await fixture.queue.enqueueAgain(jobs);
  const set = (index: number, values: string) =>
    runSql(fixture.url, `UPDATE bullmq.job SET ${values} WHERE id = '${jobs[index]?.uuid}'`);
  await set(0, `state = 'active', lock_token = 't', locked_until_ms = 9999999999999`);
  await set(1, `state = 'active', lock_token = 't'`);
  await set(2, `state = 'waiting-children'`);
  await set(3, `state = 'active', lock_token = 't', locked_until_ms = ${Date.now() + 10_000}`);
  expect(await fixture.queue.enqueueAgain(jobs)).toBe(3);
  expect(await fixture.queue.bull().getJobCounts()).toMatchObject({ waiting: 3, active: 1 });
});
