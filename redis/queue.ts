import { setTimeout as sleep } from 'node:timers/promises';
import { type Queue, type Telemetry, UnrecoverableError } from 'bullmq';
import { createMicroBatcher } from '#async/micro-batch.ts';
import { waitAtMost } from '#async/timeout.ts';
import {
  keepsCompletedJobs,
  type OpenQueue,
  type OpenWorker,
  openQueue,
  openWorker,
  type ReceivedJob,
  Redeliver,
  type RedisMemory,
} from './backend.ts';
import { createCircuitBreaker } from './circuit-breaker.ts';
import { type AlertJob, DELIVERIES, JOB_NAME, jobId, jobSchema, KEEP_FAILED, QUEUE_TIMEOUT_MS } from './contract.ts';
import { bare } from './errors.ts';

export type QueueState = {
  jobs: Record<'waiting' | 'active' | 'delayed' | 'failed', number>;
  /** Bytes; a max of 0 is none. Only on Redis. */
  memory?: RedisMemory | undefined;
};

/** A job to be sent. `traceparent`: of the trace that it goes on with. */
export type SentJob = AlertJob & { traceparent?: string | null | undefined };

export type AlertQueue = {
  /** Adds the alert's job; a no-op where it is there already. Throws QueueUnavailable. */
  enqueue(job: SentJob): Promise<void>;
  /**
   * As enqueue for many, but first clears away finished jobs of those alerts. `perSecond` spreads the jobs over time.
   * Returns how many jobs were added: none where one waits or runs.
   */
  enqueueAgain(jobs: SentJob[], options?: { perSecond?: number }): Promise<number>;
  /** How many jobs wait for a worker, now or later. Throws QueueUnavailable. */
  depth(): Promise<number>;
  /** One round trip. Throws QueueUnavailable. */
  ping(): Promise<void>;
  /** How many jobs are in which state, and what Redis has of memory. Throws QueueUnavailable. */
  state(): Promise<QueueState>;
  /** Whether jobs that are done stay a while, for Bull Board to show. */
  keepsCompletedJobs: boolean;
  /** BullMQ's own queue, for Bull Board. A new object after a connection that failed for good. */
  bull(): Queue;
  close(): Promise<void>;
};

/** One sentence where the queue does not answer. */
export function checkQueue(queue: AlertQueue): Promise<string | undefined> {
  return queue.ping().then(
    () => undefined,
    (error: Error) => error.message,
  );
}

/** `crashed`: whoever had the job before vanished without a word. `queuedAt`: when it entered the queue. */
export type Delivery = { crashed: boolean; queuedAt: Date };

/** `signal` aborts when the job is taken away. */
export type Handler = (job: AlertJob, signal: AbortSignal, delivery: Delivery) => Promise<JobResult>;

/** What became of a job. A handler that throws is a fault of ours: the job is delivered again. */
export type JobResult =
  | { kind: 'done' }
  /** Over, and to be seen among the failed. */
  | { kind: 'failed'; reason: string }
  /** Deliver again, not before `retryAfterMs`. */
  | { kind: 'retry'; reason: string; retryAfterMs?: number | undefined };

export type AlertConsumer = {
  /** Its loop over the jobs runs: false before the backend answered, and from close() on. */
  consuming(): boolean;
  /**
   * Takes no more jobs, but for one that it is asking for right now; waits `graceMs` for the running ones, then aborts
   * their signal; all go back. What has not ended 3 s later is left to its lock, which runs out after this process.
   */
  close(graceMs: number): Promise<void>;
};

/** Opens the sending end lazily. A backend that is down is tried again at the next call, a silent one in the background. */
export function openAlertQueue(url: string, onError: (error: Error) => void, telemetry?: Telemetry): AlertQueue {
  let opened: OpenQueue | undefined;
  const tell = (error: unknown) => onError(bare(error));
  const bull = (): Queue => {
    if (opened) return opened.bull;
    const queue = openQueue(url, telemetry);
    queue.bull.on('error', tell);
    queue.bull.waitUntilReady().catch(() => {
      if (opened === queue) opened = undefined;
      queue.close().catch(tell);
    });
    opened = queue;
    return queue.bull;
  };
  // One row of the queue's own settings. Counting jobs would read them all on PostgreSQL.
  const probe = () => bull().isPaused();
  const { ask, close } = createCircuitBreaker(probe);
  const addAll = async (jobs: ReturnType<typeof jobOf>[]) => void (await ask(() => bull().addBulk(jobs)));
  // Alerts are stored in batches, so their jobs arrive in batches too.
  const batcher = createMicroBatcher<SentJob, void>({
    async run(jobs) {
      await addAll(jobs.map((job) => jobOf(job)));
      return jobs.map(() => undefined);
    },
  });
  return {
    enqueue: batcher.add,
    async enqueueAgain(jobs, { perSecond } = {}) {
      let added = 0;
      for (let first = 0; first < jobs.length; first += BATCH) {
        const batch = jobs.slice(first, first + BATCH);
        const lost = await ask(() => withoutJob(bull(), batch));
        await addAll(lost.map((job, index) => jobOf(job, perSecond ? ((added + index) * 1_000) / perSecond : 0)));
        added += lost.length;
      }
      return added;
    },
    async depth() {
      return ask(() => bull().getJobCountByTypes('waiting', 'delayed', 'prioritized'));
    },
    async ping() {
      await ask(probe);
    },
    async state() {
      const [jobs, memory] = await ask(() =>
        Promise.all([bull().getJobCounts('waiting', 'active', 'delayed', 'failed'), opened?.memory?.()]),
      );
      const { waiting = 0, active = 0, delayed = 0, failed = 0 } = jobs;
      return { jobs: { waiting, active, delayed, failed }, memory };
    },
    keepsCompletedJobs: keepsCompletedJobs(url),
    bull,
    async close() {
      close();
      const queue = opened;
      opened = undefined;
      if (queue) await waitAtMost(queue.close().catch(tell), QUEUE_TIMEOUT_MS);
    },
  };
}

// Jobs asked about at once: their answers fit easily into the time one answer may take.
const BATCH = 100;

/** Those alerts that have no job or had a finished one, which is removed. */
async function withoutJob(queue: Queue, jobs: SentJob[]): Promise<SentJob[]> {
  const lost = await Promise.all(
    jobs.map(async ({ uuid }) => {
      const state = await queue.getJobState(jobId(uuid));
      if (state === 'completed' || state === 'failed') await queue.remove(jobId(uuid));
      return state === 'completed' || state === 'failed' || state === 'unknown';
    }),
  );
  return jobs.filter((_job, index) => lost[index]);
}

function jobOf({ traceparent, ...data }: SentJob, delay = 0) {
  const options = {
    delay: Math.round(delay),
    jobId: jobId(data.uuid),
    attempts: DELIVERIES,
    backoff: { type: 'custom' },
    removeOnFail: KEEP_FAILED,
    stackTraceLimit: 1,
    // The form in which BullMQ's telemetry hands a trace on.
    ...(traceparent ? { telemetry: { metadata: JSON.stringify({ traceparent }) } } : {}),
  };
  return { name: JOB_NAME, data, opts: options };
}

const REOPEN_MS = 1_000;

/**
 * Opens the receiving end: `handler` gets each job parsed. A backend that is down, now or later, is waited for.
 */
export function consumeAlerts(
  url: string,
  handler: Handler,
  options: { concurrency: number; onError: (error: Error) => void; telemetry?: Telemetry | undefined },
): AlertConsumer {
  const closing = new AbortController();
  const tell = (error: unknown) => options.onError(bare(error));
  const open = () => {
    const worker = openWorker(url, (taken) => handle(handler, taken), options);
    worker.bull.on('error', tell);
    return worker;
  };
  let worker = open();
  const runWhenReady = async () => {
    while (!closing.signal.aborted) {
      try {
        await worker.bull.waitUntilReady();
      } catch (error) {
        tell(error);
        worker.close().catch(tell);
        await sleep(REOPEN_MS, undefined, { signal: closing.signal });
        worker = open();
        continue;
      }
      if (!closing.signal.aborted) await worker.bull.run();
      return;
    }
  };
  runWhenReady().catch((error: unknown) => {
    if (!closing.signal.aborted) tell(error);
  });
  return {
    consuming: () => worker.bull.isRunning() && !closing.signal.aborted,
    async close(graceMs) {
      closing.abort();
      await closeWorker(worker, graceMs).catch(tell);
    },
  };
}

async function handle(handler: Handler, taken: ReceivedJob): Promise<void> {
  const job = jobSchema.safeParse(taken.data);
  if (!job.success) throw new UnrecoverableError('not a job of this contract');
  const verdict = await handler(job.data, taken.signal, { crashed: taken.stalls > 0, queuedAt: taken.queuedAt });
  if (verdict.kind === 'failed') throw new UnrecoverableError(verdict.reason);
  if (verdict.kind === 'retry') throw new Redeliver(verdict.reason, verdict.retryAfterMs);
}

async function closeWorker(worker: OpenWorker, graceMs: number): Promise<void> {
  const grace = setTimeout(() => worker.bull.cancelAllJobs('the worker stops'), graceMs);
  await waitAtMost(worker.close(), graceMs + QUEUE_TIMEOUT_MS);
  clearTimeout(grace);
}
