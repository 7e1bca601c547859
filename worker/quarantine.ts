import type { JobResult } from '#redis/queue.ts';

export type Quarantine = (handle: () => Promise<JobResult>) => Promise<JobResult>;

/**
 * Returns a function that handles redelivered jobs of crashed workers one at a time. If a video crashes its worker, all
 * alerts that ran next to it are redelivered too. Running them together again would let the same video use up their
 * attempts as well.
 */
export function createQuarantine(): Quarantine {
  let previous: Promise<unknown> = Promise.resolve();
  return (handle) => {
    const handled = previous.then(handle);
    previous = handled.catch(() => {}); // the caller of this job gets the error; the next job runs regardless
    return handled;
  };
}
