import { type Queue, type Telemetry, UnrecoverableError } from 'bullmq';
import { createMicroBatcher } from '#async/micro-batch.ts';
import { openWorker, type ReceivedJob, Redeliver, type Redelivery } from './backend.ts';
import { type Consumer, startConsumer } from './consumer.ts';
import { type AlertJob, jobId, jobSchema, QUEUE_NAME } from './contract.ts';
import { createFairOrder } from './fair-order.ts';
import { batchesOf, type JobKey, jobOf, type NewJob, wantedJob } from './new-job.ts';
import { openProducer } from './open-producer.ts';
import { keepsCompletedJobs, openQueue } from './producer.ts';
import type { QueueUsage, RedisMemory } from './usage.ts';

export type QueueState = {
  jobs: Record<'waiting' | 'active' | 'delayed' | 'failed', number>;
  /** In bytes, only on Redis; a max of 0 means no limit. */
  memory?: RedisMemory | undefined;
};

export type AlertQueue = {
  /** Adds the alert's job; has no effect if the job exists. Throws QueueUnavailable. */
  enqueue(job: NewJob): Promise<void>;
  /**
   * Adds jobs of alerts without a live job, after removing what is left of their former jobs: finished, incomplete or
   * delayed for too long. Returns the number of added jobs. Throws QueueUnavailable.
   */
  enqueueAgain(jobs: NewJob[]): Promise<number>;
  /** Returns those jobs that `enqueueAgain` would add; changes nothing. Throws QueueUnavailable. */
  findLost<Job extends JobKey>(jobs: Job[]): Promise<Job[]>;
  /** Ends the delay of the jobs of these alerts that are delayed. Returns their number. Throws QueueUnavailable. */
  promote(uuids: string[]): Promise<number>;
  /** Throws QueueUnavailable. */
  usage(): Promise<QueueUsage>;
  /**
   * If Redis is so full that workers may be unable to take jobs, removes the newest ones; their alerts are enqueued again once
   * there is space. Returns the number removed. Throws QueueUnavailable.
   */
  relieve(): Promise<number>;
  /** One round trip. Throws QueueUnavailable. */
  ping(): Promise<void>;
  /** Returns the number of jobs per state, and the memory of Redis. Throws QueueUnavailable. */
  state(): Promise<QueueState>;
  /** Returns the version of Redis; undefined on PostgreSQL. Throws QueueUnavailable. */
  redisVersion(): Promise<string | undefined>;
  /** Whether completed jobs are kept for a while, for Bull Board. */
  keepsCompletedJobs: boolean;
  /** BullMQ's queue, for Bull Board. A new object after a failed connection. */
  bull(): Queue;
  close(): Promise<void>;
};

/** Returns a message if the queue is unavailable. */
export function checkQueue(queue: AlertQueue): Promise<string | undefined> {
  return queue.ping().then(
    () => undefined,
    (error: Error) => error.message,
  );
}

/**
 * `stalls`: how many workers vanished with the job since an attempt last ended normally. `queuedAt`: when the job entered the
 * queue.
 */
export type Delivery = { stalls: number; queuedAt: Date };

/** `signal` aborts when this worker stops or loses the job. */
export type Handler = (job: AlertJob, signal: AbortSignal, delivery: Delivery) => Promise<JobResult>;

/** A handler that throws has an internal error: the job is delivered again. */
export type JobResult =
  | { kind: 'done' }
  /** Not delivered again; listed among the failed jobs. */
  | { kind: 'failed'; reason: string }
  | ({ kind: 'retry' } & Redelivery);

export type AlertConsumer = Consumer;

/** Opens the producer lazily. A backend that refuses connections is tried at each call, a silent one in the background. */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: its methods share one connection and circuit breaker.
export function openAlertQueue(url: string, onError: (error: Error) => void, telemetry?: Telemetry): AlertQueue {
  const {
    open: openNow,
    bull,
    breaker,
    probe,
    close,
  } = openProducer(() => openQueue(url, QUEUE_NAME, telemetry), onError);
  const lostOf = async <Job extends JobKey>(jobs: Job[], remove: boolean) => {
    const lost = await breaker.run(() => openNow().findLost(jobs.map(wantedJob), { remove }));
    return jobs.filter(({ uuid }) => lost.has(jobId(uuid)));
  };
  const fairOrder = createFairOrder(() => breaker.run(() => openNow().waiting()));
  const addAll = (jobs: NewJob[]) =>
    fairOrder.add(jobs, async (priorities) => {
      await breaker.run(() => bull().addBulk(jobs.map((job, index) => jobOf(job, priorities[index] ?? 0))));
    });
  // Alerts are stored in batches, so their jobs arrive in batches too.
  const batcher = createMicroBatcher<NewJob, void>({
    async run(jobs) {
      await addAll(jobs);
      return jobs.map(() => undefined);
    },
  });
  return {
    enqueue: batcher.add,
    async enqueueAgain(jobs) {
      let added = 0;
      for (const batch of batchesOf(jobs)) {
        const absent = await lostOf(batch, true);
        await addAll(absent);
        added += absent.length;
      }
      return added;
    },
    async findLost(jobs) {
      const lost = [];
      for (const batch of batchesOf(jobs)) lost.push(...(await lostOf(batch, false)));
      return lost;
    },
    promote: (uuids) => breaker.run(() => openNow().promote(uuids.map(jobId))),
    async usage() {
      const counting = () => bull().getJobCountByTypes('waiting', 'delayed', 'prioritized');
      const [depth, memory] = await breaker.run(() => Promise.all([counting(), openNow().memory?.()]));
      return { depth, memory };
    },
    async relieve() {
      return breaker.run(async () => (await openNow().relieve?.()) ?? 0);
    },
    async ping() {
      await breaker.run(probe);
    },
    async state() {
      const [jobs, memory] = await breaker.run(() =>
        Promise.all([
          bull().getJobCounts('waiting', 'prioritized', 'active', 'delayed', 'failed'),
          openNow().memory?.(),
        ]),
      );
      const { waiting = 0, prioritized = 0, active = 0, delayed = 0, failed = 0 } = jobs;
      return { jobs: { waiting: waiting + prioritized, active, delayed, failed }, memory };
    },
    redisVersion: () => breaker.run(async () => openNow().version?.()),
    keepsCompletedJobs: keepsCompletedJobs(url),
    bull,
    close,
  };
}

/** Opens the consumer: calls `handler` with each parsed job. Waits for a backend that is unavailable, now or later. */
export function consumeAlerts(
  url: string,
  handler: Handler,
  options: { concurrency: number; onError: (error: Error) => void; telemetry?: Telemetry | undefined },
): AlertConsumer {
  return startConsumer(() => openWorker(url, QUEUE_NAME, (job) => handle(handler, job), options), options.onError);
}

async function handle(handler: Handler, received: ReceivedJob): Promise<void> {
  const job = jobSchema.safeParse(received.data);
  if (!job.success) throw new UnrecoverableError('invalid job');
  const { stallsBefore = 0, ...key } = job.data;
  const stalls = Math.max(0, received.stalls - stallsBefore);
  const delivery = { stalls, queuedAt: received.queuedAt };
  const result = await handler(key, received.signal, delivery);
  // BullMQ never resets its count. This attempt has ended normally, so the stalls before it do not count for the next.
  if (result.kind === 'retry' && stalls > 0) {
    await received.update({ ...Object(received.data), stallsBefore: received.stalls });
  }
  if (result.kind === 'failed') throw new UnrecoverableError(result.reason);
  if (result.kind === 'retry') throw new Redeliver(result);
}
