/**
 * A store may hold four slots for each slot that remains free: one busy store gets four fifths of all slots, two get four
 * ninths each.
 */
const HELD_PER_FREE = 4;

export type ReleaseSlot = () => void;

export type StoreConcurrency = {
  /**
   * Resolves with a function that releases the slot, once the store may start one more attempt. Resolves with undefined
   * if the store is still at its limit after `waitMs`, or at once during the store's cooldown.
   */
  acquire(store: string): Promise<ReleaseSlot | undefined>;
};

/**
 * Limits how many of the worker's slots each store can hold, so that stores with slow videos leave slots to others (as
 * long as there are more slots than slow stores). A store whose attempts finish quickly only waits for its next slot.
 * @param options.waitMs A waiting job occupies a slot of the queue consumer, so slow stores block others for this long.
 * @param options.cooldownMs How long further jobs of a store are refused at once after one of its jobs waited without getting a slot.
 */
export function createStoreConcurrency(
  slots: number,
  { waitMs, cooldownMs } = { waitMs: 1_000, cooldownMs: 10_000 },
): StoreConcurrency {
  const held = new Map<string, number>();
  const waiting = new Set<{ store: string; start(): void }>();
  const cooldownUntil = new Map<string, number>();
  let free = slots;

  const mayStart = (store: string) => {
    const own = held.get(store) ?? 0;
    return free > 0 && (own === 0 || own + 1 <= HELD_PER_FREE * (free - 1));
  };
  const start = (store: string): ReleaseSlot => {
    free -= 1;
    held.set(store, (held.get(store) ?? 0) + 1);
    return () => release(store);
  };
  const release = (store: string) => {
    free += 1;
    const own = (held.get(store) ?? 0) - 1;
    if (own > 0) held.set(store, own);
    else {
      held.delete(store);
      cooldownUntil.delete(store);
    }
    for (const job of waiting) if (mayStart(job.store)) return job.start();
  };
  return {
    async acquire(store) {
      if (mayStart(store)) return start(store);
      if ((cooldownUntil.get(store) ?? 0) > performance.now()) return undefined;
      return new Promise((resolve) => {
        const job = {
          store,
          start() {
            clearTimeout(timer);
            waiting.delete(job);
            resolve(start(store));
          },
        };
        const timer = setTimeout(() => {
          waiting.delete(job);
          cooldownUntil.set(store, performance.now() + cooldownMs);
          resolve(undefined);
        }, waitMs);
        waiting.add(job);
      });
    },
  };
}
