import {
  createPostgresBackend,
  createRedisBackend,
  type Queue,
  UnrecoverableError,
  type Worker,
  withBackend,
} from 'bullmq';
import {
  type AlertJob,
  backoffMs,
  DELIVERIES,
  JOB_NAME,
  jobId,
  jobSchema,
  KEEP_COMPLETED,
  KEEP_FAILED,
  QUEUE_NAME,
} from './contract.ts';

/** The queue did not take or tell something in time. Nothing is lost: the rows know what to send again. */
export class QueueUnavailable extends Error {
  readonly code = 'queue_unavailable';

  constructor(cause: Error) {
    super('the queue does not answer', { cause: new Error(cause.message) });
    this.name = 'QueueUnavailable';
  }
}

export type AlertQueue = {
  /** Adds the alert's job; a no-op where it is there already. Throws QueueUnavailable. */
  enqueue(job: AlertJob): Promise<void>;
  /** As enqueue, but first clears away a finished job of that alert. True where a job was added. */
  enqueueAgain(job: AlertJob): Promise<boolean>;
  /** One round trip. Throws QueueUnavailable. */
  ping(): Promise<void>;
  /** BullMQ's own queue, for Bull Board. A new object after a connection that failed for good. */
  bull(): Queue;
  close(): Promise<void>;
};

/** What became of a job. A handler that throws is a fault of ours: the job is delivered again. */
export type Verdict =
  | { kind: 'done' }
  /** Over, and to be seen among the failed. */
  | { kind: 'failed'; reason: string }
  /** Deliver again, not before `retryAfterMs`. */
  | { kind: 'retry'; reason: string; retryAfterMs?: number | undefined };

export type AlertConsumer = {
  /** Takes no more jobs, waits `graceMs` for the running ones, then aborts their signal; all go back. */
  close(graceMs: number): Promise<void>;
};

// 3 s: longer than a busy server's pause, short enough for the request that waits behind it.
const ANSWER_MS = 3_000;

/** Opens the sending end lazily; a backend that is down now is tried again at the next call. */
export function openAlertQueue(url: string, onError: (error: Error) => void): AlertQueue {
  let opened: Queue | undefined;
  const bull = (): Queue => {
    if (opened) return opened;
    const queue = createQueue(url);
    queue.on('error', onError);
    // BullMQ remembers a first connection that failed: only a new queue tries again.
    queue.waitUntilReady().catch(() => {
      if (opened === queue) opened = undefined;
      queue.close().catch(onError);
    });
    opened = queue;
    return queue;
  };
  const job = (data: AlertJob) =>
    [
      JOB_NAME,
      data,
      {
        jobId: jobId(data.uuid),
        attempts: DELIVERIES,
        backoff: { type: 'custom' },
        removeOnComplete: KEEP_COMPLETED,
        removeOnFail: KEEP_FAILED,
        stackTraceLimit: 1,
      },
    ] as const;
  return {
    async enqueue(data) {
      await answered(bull().add(...job(data)));
    },
    async enqueueAgain(data) {
      const queue = bull();
      const state = await answered(queue.getJobState(jobId(data.uuid)));
      if (state === 'completed' || state === 'failed') await answered(queue.remove(jobId(data.uuid)));
      else if (state !== 'unknown') return false;
      await answered(queue.add(...job(data)));
      return true;
    },
    async ping() {
      await answered(bull().getJobCountByTypes('active'));
    },
    bull,
    async close() {
      await opened?.close();
    },
  };
}

/** Opens the receiving end: `handler` gets each job parsed, and a signal that aborts when the job is taken away. */
export function consumeAlerts(
  url: string,
  handler: (job: AlertJob, signal: AbortSignal) => Promise<Verdict>,
  options: { concurrency: number; onError: (error: Error) => void },
): AlertConsumer {
  const worker = createWorker(
    url,
    async (data, signal) => {
      const job = jobSchema.safeParse(data);
      if (!job.success) throw new UnrecoverableError('not a job of this contract');
      const verdict = await handler(job.data, signal);
      if (verdict.kind === 'failed') throw new UnrecoverableError(verdict.reason);
      if (verdict.kind === 'retry') throw new Redeliver(verdict.reason, verdict.retryAfterMs);
    },
    options.concurrency,
  );
  worker.on('error', options.onError);
  return {
    async close(graceMs) {
      const timer = setTimeout(() => worker.cancelAllJobs('the worker stops'), graceMs);
      await worker.close();
      clearTimeout(timer);
    },
  };
}

class Redeliver extends Error {
  readonly retryAfterMs: number | undefined;

  constructor(reason: string, retryAfterMs: number | undefined) {
    super(reason);
    this.retryAfterMs = retryAfterMs;
  }
}

function isRedis(url: string): boolean {
  return /^rediss?:/.test(url);
}

function createQueue(url: string): Queue {
  if (isRedis(url)) {
    return new (withBackend(createRedisBackend).Queue)(QUEUE_NAME, {
      // No offline queue: a command for a Redis that is away fails now instead of waiting for its return.
      connection: { url, enableOfflineQueue: false, maxRetriesPerRequest: 1, connectTimeout: ANSWER_MS },
    });
  }
  return new (withBackend(createPostgresBackend).Queue)(QUEUE_NAME, {
    connection: { connectionString: url, max: 4, connectionTimeoutMillis: ANSWER_MS, query_timeout: 10_000 },
  }) as unknown as Queue; // the same class; the type differs by its backend parameter alone
}

function createWorker(
  url: string,
  process: (data: unknown, signal: AbortSignal) => Promise<void>,
  concurrency: number,
): Pick<Worker, 'on' | 'close' | 'cancelAllJobs'> {
  const processor = async (job: { data: unknown }, _token?: string, signal?: AbortSignal) =>
    process(job.data, signal ?? new AbortController().signal);
  const common = {
    concurrency,
    // A killed worker's job is free again after lock + check = 15 s at most. BullMQ's own 30 + 30 s take about 60.
    lockDuration: 10_000,
    stalledInterval: 5_000,
    // BullMQ gives up at the second crash. Here the row decides: it counts the claims.
    maxStalledCount: DELIVERIES,
    // After a lost connection; BullMQ's own 15 s is as long as the whole recovery may take.
    runRetryDelay: 2_000,
    settings: {
      backoffStrategy: (deliveries: number, _type?: string, error?: Error) =>
        backoffMs(deliveries, error instanceof Redeliver ? error.retryAfterMs : 0),
    },
  };
  if (isRedis(url)) {
    const { Worker: RedisWorker } = withBackend(createRedisBackend);
    return new RedisWorker(QUEUE_NAME, processor, { ...common, connection: { url, maxRetriesPerRequest: null } });
  }
  const { Worker: PostgresWorker } = withBackend(createPostgresBackend);
  const connection = {
    connectionString: url,
    max: Math.min(concurrency, 8) + 2,
    connectionTimeoutMillis: ANSWER_MS,
    query_timeout: 10_000,
  };
  return new PostgresWorker(QUEUE_NAME, processor, { ...common, connection }) as unknown as Worker; // as in createQueue
}

/** The promise's value, or QueueUnavailable when it fails or takes over 3 s. */
async function answered<T>(promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ANSWER_MS} ms`)), ANSWER_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } catch (error) {
    throw new QueueUnavailable(error instanceof Error ? error : new Error(String(error)));
  } finally {
    clearTimeout(timer);
  }
}
