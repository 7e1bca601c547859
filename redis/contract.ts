import { z } from 'zod';
import { toOneHost } from '#config/database-url.ts';
import { wholeNumber } from '#config/fields.ts';
import { isRedis, parseRedisUrl } from './address.ts';

/** What the producers (api, reconciler) and the consumer (worker) of the queue agree on. */
export const QUEUE_NAME = 'alerts';
export const JOB_NAME = 'alert';

/** The second queue, of delivery-queue.ts. */
export const DELIVERY_QUEUE_NAME = 'deliveries';
export const QUEUE_NAMES = [QUEUE_NAME, DELIVERY_QUEUE_NAME] as const;
export type QueueName = (typeof QUEUE_NAMES)[number];

/** Longer than the pause of a busy server, and short enough for the HTTP request that waits for it. */
export const QUEUE_TIMEOUT_MS = 3_000;

/**
 * The job is only a key: the row is the source of truth. `store` and `source` never change. They let a worker apply its
 * per-store concurrency limit, and let the alert wait for a source that is down, before it reads the row. Unknown fields are
 * ignored: during an update, older workers receive the jobs of a newer version.
 */
export const jobSchema = z.object({
  uuid: z.uuid(),
  requestId: z.string().min(1).max(128),
  store: z.string().optional(),
  /** The source that the alert selects; none: that of its store. Jobs of version 0.1.0 have none. */
  source: z.string().nullish(),
  /** How often a worker had vanished with the job when an attempt last ended normally. */
  stallsBefore: z.int().optional(),
});
export type AlertJob = Omit<z.infer<typeof jobSchema>, 'stallsBefore'>;

/** One job per alert: adding it again has no effect. */
export function jobId(uuid: string): string {
  return uuid;
}

/** How long a worker's lock on a job lasts without being extended. */
export const LOCK_MS = 10_000;

/**
 * How often a job is delivered. Attempts are counted by the row: a delivery during a database outage is not an attempt. With
 * 10 s between them, 10,000 deliveries last for a day; then the reconciler adds the job again.
 */
export const DELIVERIES = 10_000;

/**
 * How long (seconds) and how many finished jobs are kept for Bull Board. Completed jobs are kept on Redis only: BullMQ on
 * PostgreSQL reads all kept jobs at the end of each job, and concurrent ends block each other when they delete the same
 * ones. An alert cost 4.6 ms of CPU with 200 jobs kept, and 2.7 ms with none.
 */
export const KEEP_COMPLETED = { age: 3_600, count: 1_000 };
export const KEEP_FAILED = { age: 7 * 24 * 3_600, count: 1_000 };

const FIRST_DELAY_MS = 1_000;
const MAX_DELAY_MS = 10_000;
const MAX_RETRY_DELAY_MS = 600_000;
const MAX_RETRY_AFTER_MS = 3_600_000;

/** A job delayed for longer was not delayed by this system. Includes a minute for clocks that differ. */
export const LONGEST_DELAY_MS = MAX_RETRY_AFTER_MS + 60_000;

/**
 * Returns the delay in ms before a job is delivered again whose handler does not know better: 1, 2, 4, 8, 10, 10, … s, each
 * up to a quarter shorter at random, so that jobs that failed together are not repeated together.
 */
export function backoffMs(deliveries: number, random: () => number = Math.random): number {
  return growingDelay(deliveries, MAX_DELAY_MS, random);
}

/**
 * Returns the delay in ms after an attempt that the video server let fail, number `attempts` of its round: 1, 2, 4, … s up to
 * ten minutes, with the same jitter. `retryAfterMs`, the server's Retry-After, lengthens it up to one hour.
 */
export function retryDelayMs(attempts: number, retryAfterMs = 0, random: () => number = Math.random): number {
  return Math.max(growingDelay(attempts, MAX_RETRY_DELAY_MS, random), Math.min(retryAfterMs, MAX_RETRY_AFTER_MS));
}

function growingDelay(count: number, max: number, random: () => number): number {
  const full = Math.min(FIRST_DELAY_MS * 2 ** Math.min(Math.max(count, 1) - 1, 20), max);
  return Math.round(full * (1 - random() / 4));
}

function checkQueueUrl(url: string, context: z.RefinementCtx): void {
  try {
    if (isRedis(url)) parseRedisUrl(url);
    else if (!/^postgres(ql)?:/.test(url) || !URL.canParse(url)) throw new Error(`must be a URL of ${QUEUE_URLS}`);
  } catch (error) {
    context.addIssue(error instanceof Error ? error.message : String(error));
  }
}

const QUEUE_URLS = 'redis://, rediss://, redis+sentinel://, redis+cluster:// or postgres://';

/** The variables of the queue. */
export const queueFields = {
  /** Unset: the queue is in DATABASE_URL's database. */
  QUEUE_URL: z.preprocess(toOneHost, z.string().superRefine(checkQueueUrl)).optional(),
  /** Jobs that may wait. While there are more, new alerts are rejected, and lost jobs and retries wait in their rows. */
  QUEUE_MAX_DEPTH: wholeNumber(1, 100_000_000).prefault('100000'),
};
