import { setTimeout as sleep } from 'node:timers/promises';
import { createRedisBackend, type Job, type Telemetry, type Worker, withBackend } from 'bullmq';
import { Cluster } from 'ioredis';
import { isRedis } from './address.ts';
import { keyPrefix, postgresOptions, redisConnection, redisRetryMs } from './connection.ts';
import { backoffMs, DELIVERIES, LOCK_MS, QUEUE_TIMEOUT_MS, type QueueName } from './contract.ts';
import { createBatchedBackend, PLAN_SETTINGS } from './postgres-batches.ts';

/**
 * Deliver a job again after `delayMs`; by default after backoffMs(number of the delivery). `onDelayed` is called once the queue
 * has delayed the job: `promote` ignores it until then.
 */
export type Redelivery = { reason: string; delayMs?: number | undefined; onDelayed?: (() => void) | undefined };

/** A processor throws it to have the job delivered again. */
export class Redeliver extends Error {
  readonly delayMs: number | undefined;
  readonly onDelayed: (() => void) | undefined;

  constructor({ reason, delayMs, onDelayed }: Redelivery) {
    super(reason);
    this.delayMs = delayMs;
    this.onDelayed = onDelayed;
  }
}

export type OpenWorker = {
  bull: Pick<Worker, 'on' | 'waitUntilReady' | 'run' | 'isRunning' | 'cancelAllJobs'>;
  /** Takes no more jobs and waits for those in progress. */
  close(): Promise<void>;
};

/** A job from the queue. `stalls`: how often its worker vanished. `update` replaces its data. */
export type ReceivedJob = {
  data: unknown;
  stalls: number;
  queuedAt: Date;
  signal: AbortSignal;
  update(data: unknown): Promise<void>;
};

/** Opens BullMQ's worker without starting it. After a failed first connection, open another one, as in openQueue. */
export function openWorker(
  url: string,
  name: QueueName,
  processor: (job: ReceivedJob) => Promise<void>,
  { concurrency, telemetry }: { concurrency: number; telemetry?: Telemetry | undefined },
): OpenWorker {
  const options = {
    ...(telemetry ? { telemetry } : {}),
    autorun: false,
    concurrency,
    // A killed worker's job is available after lock + check, at most 15 s. BullMQ's defaults of 30 + 30 s take about 60 s.
    lockDuration: LOCK_MS,
    stalledInterval: 5_000,
    // BullMQ's default fails a job at the second crash. Here the row decides, which counts the claims.
    maxStalledCount: DELIVERIES,
    // After a refused connection. BullMQ's default of 15 s is as long as the whole recovery may take.
    runRetryDelay: 1_000,
    settings: {
      backoffStrategy: (deliveries: number, _type?: string, error?: Error) =>
        (error instanceof Redeliver ? error.delayMs : undefined) ?? backoffMs(deliveries),
    },
  };
  const open = isRedis(url) ? openRedisWorker : openPostgresWorker;
  const opened = open(
    url,
    name,
    (job, _token, signal) =>
      processor({
        data: job.data,
        stalls: job.stalledCounter,
        queuedAt: new Date(job.timestamp),
        signal: signal ?? new AbortController().signal,
        update: (data) => job.updateData(data),
      }),
    options,
  );
  // BullMQ emits it after it has moved the job.
  opened.bull.on('failed', (_job, error) => {
    if (error instanceof Redeliver) error.onDelayed?.();
  });
  opened.bull.on('lockRenewalFailed', (jobIds) => {
    for (const id of jobIds) opened.bull.cancelJob(id, 'the job was assigned to another worker');
  });
  return opened;
}

type ProcessedJob = Pick<Job, 'data' | 'stalledCounter' | 'attemptsMade' | 'timestamp' | 'updateData'>;
type Processor = (job: ProcessedJob, token?: string, signal?: AbortSignal) => Promise<void>;
type WorkerOptions = { autorun: boolean; concurrency: number; telemetry?: Telemetry };
type CancellableWorker = { bull: OpenWorker['bull'] & Pick<Worker, 'cancelJob'>; close(): Promise<void> };

function openRedisWorker(
  url: string,
  name: QueueName,
  processor: Processor,
  options: WorkerOptions,
): CancellableWorker {
  let closing = false;
  const connection = redisConnection(url, {
    socketTimeout: (MAX_BLOCK_S + 2) * 1_000,
    maxRetriesPerRequest: null,
    retryStrategy: (times: number) => (closing ? null : redisRetryMs(times)),
  });
  const bull = new RedisWorker(name, processor, { ...options, connection, prefix: keyPrefix(url) });
  return {
    bull,
    async close() {
      closing = true;
      // BullMQ's close waits forever for a client between two connection attempts; the next attempt is the last.
      const client = bull.isRunning() ? await bull.getBackend().blockingClient : undefined;
      if (client?.status === 'reconnecting') await new Promise((resolve) => client.once('connecting', resolve));
      await bull.close().finally(() => connection instanceof Cluster && connection.disconnect());
    },
  };
}

function openPostgresWorker(
  url: string,
  name: QueueName,
  processor: Processor,
  options: WorkerOptions,
): CancellableWorker {
  const max = Math.min(options.concurrency, 8) + 2;
  // The peer of an idle connection may be gone: each would cost a query timeout, one after the other.
  const settings = postgresOptions(url);
  const connection = {
    ...settings,
    options: `${settings.options} ${PLAN_SETTINGS}`,
    max,
    query_timeout: QUEUE_TIMEOUT_MS,
    idleTimeoutMillis: 1_000,
  };
  const bull = new PostgresWorker(name, processor, { ...options, connection });
  // As in openPostgresQueue.
  return { bull: bull as unknown as CancellableWorker['bull'], close: () => bull.close() };
}

const PAUSE_MS = 500;

/** After any error except a refused connection, BullMQ fetches the next job at once: thousands of times per second. */
async function pauseAfterError<T>(fetchJob: () => Promise<T>): Promise<T> {
  try {
    return await fetchJob();
  } catch (error) {
    await sleep(PAUSE_MS);
    throw error;
  }
}

// BullMQ blocks for up to 10 s on Redis and for up to an hour on NOTIFY; a connection whose peer is gone brings no job.
const MAX_BLOCK_S = 5;

class RedisWorker extends withBackend(createRedisBackend).Worker {
  protected override moveToActive(token: string, name?: string) {
    return pauseAfterError(() => super.moveToActive(token, name));
  }

  protected override getBlockTimeout(blockUntil: number): number {
    return Math.min(super.getBlockTimeout(blockUntil), MAX_BLOCK_S);
  }
}

class PostgresWorker extends withBackend(createBatchedBackend).Worker {
  protected override moveToActive(token: string, name?: string) {
    return pauseAfterError(() => super.moveToActive(token, name));
  }

  protected override getBlockTimeout(blockUntil: number): number {
    return Math.min(super.getBlockTimeout(blockUntil), MAX_BLOCK_S);
  }
}
