import { setTimeout as sleep } from 'node:timers/promises';
import {
  createPostgresBackend,
  createRedisBackend,
  type Job,
  type Queue,
  type Telemetry,
  type Worker,
  withBackend,
} from 'bullmq';
import { Redis } from 'ioredis';
import { backoffMs, DELIVERIES, KEEP_COMPLETED, QUEUE_NAME, QUEUE_TIMEOUT_MS } from './contract.ts';

/** Thrown by a processor: deliver again, not before `retryAfterMs`. */
export class Redeliver extends Error {
  readonly retryAfterMs: number | undefined;

  constructor(reason: string, retryAfterMs: number | undefined) {
    super(reason);
    this.retryAfterMs = retryAfterMs;
  }
}

export type RedisMemory = { used: number; max: number };

export type OpenQueue = { bull: Queue; close(): Promise<void>; memory?: () => Promise<RedisMemory> };

/** Opens BullMQ's queue on the URL's backend. BullMQ remembers a first connection that failed: then open another. */
export function openQueue(url: string, telemetry?: Telemetry): OpenQueue {
  return isRedis(url) ? openRedisQueue(url, telemetry) : openPostgresQueue(url, telemetry);
}

export type OpenWorker = {
  bull: Pick<Worker, 'on' | 'waitUntilReady' | 'run' | 'isRunning' | 'cancelAllJobs'>;
  /** Takes no more jobs and waits for the running ones. */
  close(): Promise<void>;
};

/** A job as it left the queue; `stalls`: how often a worker that had it vanished. */
export type ReceivedJob = { data: unknown; stalls: number; queuedAt: Date; signal: AbortSignal };

/** Opens BullMQ's worker, not yet running; as openQueue when its backend is away. */
export function openWorker(
  url: string,
  processor: (taken: ReceivedJob) => Promise<void>,
  { concurrency, telemetry }: { concurrency: number; telemetry?: Telemetry | undefined },
): OpenWorker {
  const options = {
    ...(telemetry ? { telemetry } : {}),
    autorun: false,
    concurrency,
    // A killed worker's job is free again after lock + check = 15 s at most. BullMQ's own 30 + 30 s take about 60.
    lockDuration: 10_000,
    stalledInterval: 5_000,
    // BullMQ gives up at the second crash. Here the row decides: it counts the claims.
    maxStalledCount: DELIVERIES,
    // After a refused connection; BullMQ's own 15 s is as long as the whole recovery may take.
    runRetryDelay: 1_000,
    settings: {
      backoffStrategy: (deliveries: number, _type?: string, error?: Error) =>
        backoffMs(deliveries, error instanceof Redeliver ? error.retryAfterMs : 0),
    },
  };
  const open = isRedis(url) ? openRedisWorker : openPostgresWorker;
  const opened = open(
    url,
    ({ data, stalledCounter, timestamp }, _token, signal) =>
      processor({
        data,
        stalls: stalledCounter,
        queuedAt: new Date(timestamp),
        signal: signal ?? new AbortController().signal,
      }),
    options,
  );
  opened.bull.on('lockRenewalFailed', (jobIds) => {
    for (const id of jobIds) opened.bull.cancelJob(id, 'the job was taken away');
  });
  return opened;
}

type Processor = (
  job: Pick<Job, 'data' | 'stalledCounter' | 'timestamp'>,
  token?: string,
  signal?: AbortSignal,
) => Promise<void>;
type WorkerOptions = { autorun: boolean; concurrency: number; telemetry?: Telemetry };
type CancellableWorker = { bull: OpenWorker['bull'] & Pick<Worker, 'cancelJob'>; close(): Promise<void> };

/** Whether jobs that are done stay a while. */
export function keepsCompletedJobs(url: string): boolean {
  return isRedis(url);
}

function isRedis(url: string): boolean {
  return /^rediss?:/.test(url);
}

// socketTimeout: a peer that vanished without a word is given up; TCP alone would wait a quarter of an hour.
// retryStrategy: BullMQ's own grows to 20 s, longer than the whole recovery may take.
const REDIS = {
  connectTimeout: QUEUE_TIMEOUT_MS,
  keepAlive: 5_000,
  retryStrategy: (times: number) => redisRetryMs(times),
};

function redisRetryMs(times: number): number {
  return Math.min(times * 100, 1_000);
}

function openRedisQueue(url: string, telemetry?: Telemetry): OpenQueue {
  // A client of our own: BullMQ cannot close one that is between two tries to connect.
  const client = new Redis(url, {
    ...REDIS,
    socketTimeout: QUEUE_TIMEOUT_MS,
    // A command for a Redis that is away fails now instead of waiting for its return.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
  });
  client.on('error', () => {}); // BullMQ passes them on until it is closed; without a listener ioredis prints them
  const bull = new (withBackend(createRedisBackend).Queue)(QUEUE_NAME, {
    connection: client,
    defaultJobOptions: { removeOnComplete: KEEP_COMPLETED },
    ...(telemetry ? { telemetry } : {}),
  });
  return {
    bull,
    async memory() {
      const info = await client.info('memory');
      const bytes = (field: string) => Number(new RegExp(`^${field}:(\\d+)`, 'm').exec(info)?.[1]);
      return { used: bytes('used_memory'), max: bytes('maxmemory') };
    },
    async close() {
      await bull.close().finally(() => client.disconnect());
    },
  };
}

function openPostgresQueue(url: string, telemetry?: Telemetry): OpenQueue {
  const connection = { ...postgres(url), max: 4, query_timeout: QUEUE_TIMEOUT_MS };
  const bull = new (withBackend(createSendingBackend).Queue)(QUEUE_NAME, {
    connection,
    defaultJobOptions: { removeOnComplete: true },
    ...(telemetry ? { telemetry } : {}),
  });
  // The same class; the type differs by its backend parameter alone.
  return { bull: bull as unknown as Queue, close: () => bull.close() };
}

/**
 * BullMQ adds jobs in bulk by way of two temporary tables: 3 to 6 ms of PostgreSQL's CPU before the first job, whereas a
 * lone one costs 0.4. From some twelve on bulk is cheaper.
 */
const FEW = 10;

/** As BullMQ's, but few jobs go one by one. */
const createSendingBackend: typeof createPostgresBackend = (...args) => {
  const backend = createPostgresBackend(...args);
  const addInBulk = backend.addJobs.bind(backend);
  backend.addJobs = (entries) =>
    entries.length > FEW
      ? addInBulk(entries)
      : Promise.all(entries.map(({ job, jobId, parentKeyOpts }) => backend.addJob(job, jobId, parentKeyOpts)));
  return backend;
};

function openRedisWorker(url: string, processor: Processor, options: WorkerOptions): CancellableWorker {
  let closing = false;
  const connection = {
    url,
    ...REDIS,
    socketTimeout: (LONGEST_BLOCK_S + 2) * 1_000,
    maxRetriesPerRequest: null,
    retryStrategy: (times: number) => (closing ? null : redisRetryMs(times)),
  };
  const bull = new RedisWorker(QUEUE_NAME, processor, { ...options, connection });
  return {
    bull,
    async close() {
      closing = true;
      // BullMQ's close waits for ever for the end of a connection that is between two tries; the next try is the last.
      const client = bull.isRunning() ? await bull.getBackend().blockingClient : undefined;
      if (client?.status === 'reconnecting') await new Promise((resolve) => client.once('connecting', resolve));
      await bull.close();
    },
  };
}

function openPostgresWorker(url: string, processor: Processor, options: WorkerOptions): CancellableWorker {
  const max = Math.min(options.concurrency, 8) + 2;
  // An idle connection may have died without a word: each would cost a wait and a time limit, one after the other.
  const connection = { ...postgres(url), max, query_timeout: QUEUE_TIMEOUT_MS, idleTimeoutMillis: 1_000 };
  const bull = new PostgresWorker(QUEUE_NAME, processor, { ...options, connection });
  // As in openPostgresQueue.
  return { bull: bull as unknown as CancellableWorker['bull'], close: () => bull.close() };
}

function postgres(url: string) {
  return {
    connectionString: url,
    connectionTimeoutMillis: QUEUE_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
    // A commit here waits for no disk. What a crash of PostgreSQL takes with it is under a second of the queue's memory, never
    // of the rows': a job not added is sent by the reconciler, one not ended comes again and finds its row done.
    options: '-c synchronous_commit=off',
  };
}

const PAUSE_MS = 500;

/** BullMQ asks for the next job again at once after any error but a refused connection: thousands of times a second. */
async function paced<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    await sleep(PAUSE_MS);
    throw error;
  }
}

// BullMQ waits up to 10 s on Redis, up to an hour for NOTIFY; a connection that died without a word brings no job.
const LONGEST_BLOCK_S = 5;

class RedisWorker extends withBackend(createRedisBackend).Worker {
  protected override moveToActive(token: string, name?: string) {
    return paced(() => super.moveToActive(token, name));
  }

  protected override getBlockTimeout(blockUntil: number): number {
    return Math.min(super.getBlockTimeout(blockUntil), LONGEST_BLOCK_S);
  }
}

class PostgresWorker extends withBackend(createPostgresBackend).Worker {
  protected override moveToActive(token: string, name?: string) {
    return paced(() => super.moveToActive(token, name));
  }

  protected override getBlockTimeout(blockUntil: number): number {
    return Math.min(super.getBlockTimeout(blockUntil), LONGEST_BLOCK_S);
  }
}
