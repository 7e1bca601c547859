import type { AlertQueue } from '#redis/queue.ts';

// A look takes a millisecond while the queue is short, and on PostgreSQL tens of them when it is long.
const LOOK_MS = 1_000;
const LOOK_SHARE = 50;

/** Whether the queue takes one more alert: at most `most` jobs may wait. */
export type Backpressure = { isFull(): Promise<boolean>; added(): void };

/**
 * Looks once a second at most, or so rarely that looking takes a fiftieth of the time; between two looks counts what this
 * process adds. A queue that does not answer is not full: its alerts are stored and sent later.
 */
export function createBackpressure(queue: Pick<AlertQueue, 'depth'>, most: number): Backpressure {
  let depth = 0;
  let nextLook = 0;
  let looking: Promise<void> | undefined;
  const look = async () => {
    const started = performance.now();
    const seen = await queue.depth().catch(() => undefined);
    const now = performance.now();
    depth = seen ?? 0;
    nextLook = now + (seen === undefined ? LOOK_MS : Math.max(LOOK_MS, (now - started) * LOOK_SHARE));
  };
  return {
    async isFull() {
      if (performance.now() >= nextLook) {
        looking ??= look().finally(() => {
          looking = undefined;
        });
        // Near the limit the answer counts; far from it nobody waits for it.
        if (depth >= most / 2 || nextLook === 0) await looking;
      }
      return depth >= most;
    },
    added() {
      depth += 1;
    },
  };
}
