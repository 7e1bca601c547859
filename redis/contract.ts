import { z } from 'zod';

/** The agreement between who fills the queue (api, reconcile) and who empties it (worker). */
export const QUEUE_NAME = 'alerts';
export const JOB_NAME = 'alert';

/** Longer than the pause of a busy server, short enough for the HTTP request that waits behind it. */
export const QUEUE_TIMEOUT_MS = 3_000;

/**
 * The job is a key to the row, no more: the row is the truth. `store` never changes; workers share themselves out by it
 * before they touch the row.
 */
export const jobSchema = z.strictObject({
  uuid: z.uuid(),
  requestId: z.string().min(1).max(128),
  store: z.string().optional(),
});
export type AlertJob = z.infer<typeof jobSchema>;

/** One job per alert: adding it twice is adding it once. */
export function jobId(uuid: string): string {
  return uuid;
}

/**
 * Not the number of attempts at a video, which the row counts, but of deliveries: one during a database outage is
 * spent without an attempt. At 10 s each, 1,000 last for hours; after that the reconciler starts anew.
 */
export const DELIVERIES = 1_000;

/**
 * Finished jobs stay for Bull Board to show, bounded: the rows remember everything. Seconds and jobs. Those that are done
 * stay on Redis alone: BullMQ on PostgreSQL reads all that are kept at each job's end, and ends that meet wait for each
 * other to clear away the same ones. An alert then cost 4.6 ms of CPU with 200 kept, and 2.7 with none.
 */
export const KEEP_COMPLETED = { age: 3_600, count: 1_000 };
export const KEEP_FAILED = { age: 7 * 24 * 3_600, count: 1_000 };

const FIRST_DELAY_MS = 1_000;
const LONGEST_DELAY_MS = 10_000;
const LONGEST_ASKED_DELAY_MS = 3_600_000;

/**
 * Milliseconds to wait before the next delivery: 1, 2, 4, 8, 10, 10, … s, each up to a quarter shorter at random so that
 * alerts that failed together do not come back together. `retryAfterMs` is what the video server asked for.
 */
export function backoffMs(deliveries: number, retryAfterMs = 0, random: () => number = Math.random): number {
  const full = Math.min(FIRST_DELAY_MS * 2 ** Math.min(deliveries - 1, 20), LONGEST_DELAY_MS);
  const jittered = Math.round(full * (1 - random() / 4));
  return Math.max(jittered, Math.min(retryAfterMs, LONGEST_ASKED_DELAY_MS));
}

/** The variables this room owns. Unset: the queue lives in DATABASE_URL's database. */
export const queueFields = {
  QUEUE_URL: z
    .url({
      protocol: /^(rediss?|postgres(ql)?)$/,
      error: 'must be a URL of redis://, rediss:// or postgres://',
    })
    .optional(),
};
