import { singleFlight } from '#async/single-flight.ts';
import type { AlertQueue } from '#redis/queue.ts';

// Reading the depth takes 1 ms while the queue is short, and tens of ms on PostgreSQL when it is long. So it takes place
// at most once per second and uses at most 1/50 of the time.
const READ_INTERVAL_MS = 1_000;
const INTERVAL_PER_DURATION = 50;

/** The check whether the queue accepts one more alert. */
export type Backpressure = { isFull(): Promise<boolean>; added(): void };

/**
 * Returns the backpressure of a queue in which at most `maxDepth` jobs may wait. Between two reads of the depth it counts
 * what this process adds. A queue that is unavailable is not full: its alerts are stored and enqueued later.
 */
export function createBackpressure(queue: Pick<AlertQueue, 'depth'>, maxDepth: number): Backpressure {
  let depth = 0;
  let nextReadAt = 0;
  const readDepth = singleFlight(async () => {
    const startedAt = performance.now();
    const current = await queue.depth().catch(() => undefined);
    const now = performance.now();
    depth = current ?? 0;
    const interval = current === undefined ? 0 : (now - startedAt) * INTERVAL_PER_DURATION;
    nextReadAt = now + Math.max(READ_INTERVAL_MS, interval);
  });
  return {
    async isFull() {
      if (performance.now() >= nextReadAt) {
        const reading = readDepth();
        // Near the limit, and at the start, the request waits for the current depth. Otherwise it does not.
        if (depth >= maxDepth / 2 || nextReadAt === 0) await reading;
      }
      return depth >= maxDepth;
    },
    added() {
      depth += 1;
    },
  };
}
