import { setTimeout as sleep } from 'node:timers/promises';
import { type Queue, type Telemetry, UnrecoverableError } from 'bullmq';
import { createMicroBatcher } from '#async/micro-batch.ts';
import { waitAtMost } from '#async/timeout.ts';
import { type OpenWorker, openWorker, type ReceivedJob, Redeliver } from './backend.ts';
import { createCircuitBreaker } from './circuit-breaker.ts';
import { type AlertJob, jobId, jobSchema, QUEUE_TIMEOUT_MS } from './contract.ts';
import { messageOnly } from './errors.ts';
import { batchesOf, type JobKey, jobOf, type NewJob, wantedJob } from './new-job.ts';
import { keepsCompletedJobs, type OpenQueue, openQueue } from './producer.ts';
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
 * `stalls`: how many workers vanished with the job since an attempt last ended normally. `number`: from 1. `queuedAt`: when
 * the job entered the queue.
 */
export type Delivery = { stalls: number; number: number; queuedAt: Date };

/** `signal` aborts when this worker stops or loses the job. */
export type Handler = (job: AlertJob, signal: AbortSignal, delivery: Delivery) => Promise<JobResult>;

/** A handler that throws has an internal error: the job is delivered again. */
export type JobResult =
  | { kind: 'done' }
  /** Not delivered again; listed among the failed jobs. */
  | { kind: 'failed'; reason: string }
  /** Deliver again after `delayMs`; by default after backoffMs(number of the delivery). */
  | { kind: 'retry'; reason: string; delayMs?: number | undefined };

export type AlertConsumer = {
  /** Whether it takes jobs: false before the first connection, and after close(). */
  consuming(): boolean;
  /**
   * Takes no more jobs, except one that it is fetching right now. Waits `graceMs` for the jobs in progress, then aborts
   * their signals, so that they are released. A job that has not ended 3 s later is delivered again once its lock expires.
   */
  close(graceMs: number): Promise<void>;
};

/** Opens the producer lazily. A backend that refuses connections is tried at each call, a silent one in the background. */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: its methods share one connection and circuit breaker.
export function openAlertQueue(url: string, onError: (error: Error) => void, telemetry?: Telemetry): AlertQueue {
  let opened: OpenQueue | undefined;
  const report = (error: unknown) => onError(messageOnly(error));
  const openNow = (): OpenQueue => {
    if (opened) return opened;
    const queue = openQueue(url, telemetry);
    queue.bull.on('error', report);
    queue.bull.waitUntilReady().catch(() => {
      if (opened === queue) opened = undefined;
      queue.close().catch(report);
    });
    opened = queue;
    return queue;
  };
  const bull = (): Queue => openNow().bull;
  // Reads one row of the queue's settings. Counting jobs would read them all on PostgreSQL.
  const probe = () => bull().isPaused();
  const breaker = createCircuitBreaker(probe);
  const lostOf = async <Job extends JobKey>(jobs: Job[], remove: boolean) => {
    const lost = await breaker.run(() => openNow().findLost(jobs.map(wantedJob), { remove }));
    return jobs.filter(({ uuid }) => lost.has(jobId(uuid)));
  };
  const addAll = async (jobs: ReturnType<typeof jobOf>[]) => void (await breaker.run(() => bull().addBulk(jobs)));
  // Alerts are stored in batches, so their jobs arrive in batches too.
  const batcher = createMicroBatcher<NewJob, void>({
    async run(jobs) {
      await addAll(jobs.map(jobOf));
      return jobs.map(() => undefined);
    },
  });
  return {
    enqueue: batcher.add,
    async enqueueAgain(jobs) {
      let added = 0;
      for (const batch of batchesOf(jobs)) {
        const absent = await lostOf(batch, true);
        await addAll(absent.map(jobOf));
        added += absent.length;
      }
      return added;
    },
    async findLost(jobs) {
      const lost = [];
      for (const batch of batchesOf(jobs)) lost.push(...(await lostOf(batch, false)));
      return lost;
    },
    async usage() {
      const counting = () => bull().getJobCountByTypes('waiting', 'delayed', 'prioritized');
      const [depth, memory] = await breaker.run(() => Promise.all([counting(), opened?.memory?.()]));
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
        Promise.all([bull().getJobCounts('waiting', 'active', 'delayed', 'failed'), opened?.memory?.()]),
      );
      const { waiting = 0, active = 0, delayed = 0, failed = 0 } = jobs;
      return { jobs: { waiting, active, delayed, failed }, memory };
    },
    keepsCompletedJobs: keepsCompletedJobs(url),
    bull,
    async close() {
      breaker.close();
      const queue = opened;
      opened = undefined;
      if (queue) await waitAtMost(queue.close().catch(report), QUEUE_TIMEOUT_MS);
    },
  };
}

const REOPEN_MS = 1_000;

/** Opens the consumer: calls `handler` with each parsed job. Waits for a backend that is unavailable, now or later. */
export function consumeAlerts(
  url: string,
  handler: Handler,
  options: { concurrency: number; onError: (error: Error) => void; telemetry?: Telemetry | undefined },
): AlertConsumer {
  const closing = new AbortController();
  const report = (error: unknown) => options.onError(messageOnly(error));
  const open = () => {
    const worker = openWorker(url, (job) => handle(handler, job), options);
    worker.bull.on('error', report);
    return worker;
  };
  let worker = open();
  const runWhenReady = async () => {
    while (!closing.signal.aborted) {
      try {
        await worker.bull.waitUntilReady();
      } catch (error) {
        report(error);
        worker.close().catch(report);
        await sleep(REOPEN_MS, undefined, { signal: closing.signal });
        worker = open();
        continue;
      }
      if (!closing.signal.aborted) await worker.bull.run();
      return;
    }
  };
  runWhenReady().catch((error: unknown) => {
    if (!closing.signal.aborted) report(error);
  });
  return {
    consuming: () => worker.bull.isRunning() && !closing.signal.aborted,
    async close(graceMs) {
      closing.abort();
      await closeWorker(worker, graceMs).catch(report);
    },
  };
}

async function handle(handler: Handler, received: ReceivedJob): Promise<void> {
  const job = jobSchema.safeParse(received.data);
  if (!job.success) throw new UnrecoverableError('invalid job');
  const { stallsBefore = 0, ...key } = job.data;
  const stalls = Math.max(0, received.stalls - stallsBefore);
  const delivery = { stalls, number: received.deliveries, queuedAt: received.queuedAt };
  const result = await handler(key, received.signal, delivery);
  // BullMQ never resets its count. This attempt has ended normally, so the stalls before it do not count for the next.
  if (result.kind === 'retry' && stalls > 0) {
    await received.update({ ...Object(received.data), stallsBefore: received.stalls });
  }
  if (result.kind === 'failed') throw new UnrecoverableError(result.reason);
  if (result.kind === 'retry') throw new Redeliver(result.reason, result.delayMs);
}

async function closeWorker(worker: OpenWorker, graceMs: number): Promise<void> {
  const grace = setTimeout(() => worker.bull.cancelAllJobs('the worker is stopping'), graceMs);
  await waitAtMost(worker.close(), graceMs + QUEUE_TIMEOUT_MS);
  clearTimeout(grace);
}
