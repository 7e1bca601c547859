import type { JobResult } from '#redis/queue.ts';

export type Quarantine = (stalls: number, handle: () => Promise<JobResult>) => Promise<JobResult>;

/** One vanished worker says nothing about its videos: processes are killed, and machines stop. */
const TOLERATED_STALLS = 1;

/**
 * Returns a function that handles jobs whose workers crashed repeatedly one at a time. If a video crashes its worker, all
 * alerts that ran next to it are redelivered too. Running them together each time would let the same video use up their
 * attempts as well. One at a time from the first crash would delay them all after every killed process: of 50 slow
 * videos, 8 were unfinished after 110 s. An alert fails at crash number `maxCrashes`, so the quarantine begins earlier.
 */
export function createQuarantine(maxCrashes: number): Quarantine {
  const tolerated = Math.max(0, Math.min(TOLERATED_STALLS, maxCrashes - 2));
  let previous: Promise<unknown> = Promise.resolve();
  return (stalls, handle) => {
    if (stalls <= tolerated) return handle();
    const handled = previous.then(handle);
    previous = handled.catch(() => {}); // the caller of this job gets the error; the next job runs regardless
    return handled;
  };
}
