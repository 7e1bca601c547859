import { singleFlight } from '#async/single-flight.ts';
import type { AlertQueue } from '#redis/queue.ts';
import { capacityOf, MEMORY_LIMITS } from '#redis/usage.ts';

// Reading the usage takes 1 ms while the queue is short, and tens of ms on PostgreSQL when it is long. So it takes place
// at most once per second and uses at most 1/50 of the time.
const READ_INTERVAL_MS = 1_000;
const INTERVAL_PER_DURATION = 50;

// With less capacity than this, a request waits for the current usage: several apis together can add as many jobs in a second.
const SCARCE = 10_000;

/** The check whether the queue accepts one more alert. */
export type Backpressure = {
  isFull(): Promise<boolean>;
  added(): void;
  /** Returns the current capacity for jobs that can wait in their rows. Throws QueueUnavailable. */
  backgroundCapacity(): Promise<number>;
};

/**
 * Returns the backpressure of a queue in which at most `maxDepth` jobs may wait, and which may use 90 % of Redis' memory.
 * Between two reads of the usage it counts what this process adds. A queue that is unavailable is not full: its alerts are
 * stored and enqueued later.
 */
export function createBackpressure(queue: Pick<AlertQueue, 'usage'>, maxDepth: number): Backpressure {
  let capacity = 0;
  let nextReadAt = 0;
  const scarce = Math.min(SCARCE, maxDepth / 2);
  const readCapacity = singleFlight(async () => {
    const startedAt = performance.now();
    const usage = await queue.usage().catch(() => undefined);
    const now = performance.now();
    capacity = usage ? capacityOf(usage, { maxDepth, memoryShare: MEMORY_LIMITS.newAlerts }) : maxDepth;
    const interval = usage === undefined ? 0 : (now - startedAt) * INTERVAL_PER_DURATION;
    nextReadAt = now + Math.max(READ_INTERVAL_MS, interval);
  });
  return {
    async isFull() {
      if (performance.now() >= nextReadAt) {
        const reading = readCapacity();
        if (capacity <= scarce || nextReadAt === 0) await reading;
      }
      return capacity <= 0;
    },
    added() {
      capacity -= 1;
    },
    async backgroundCapacity() {
      return capacityOf(await queue.usage(), { maxDepth, memoryShare: MEMORY_LIMITS.background });
    },
  };
}
