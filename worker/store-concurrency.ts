/** A store may have four slots for each that stays free: alone four fifths of all, two of them four ninths each. */
const OWN_PER_FREE = 4;

export type StoreConcurrency = {
  /**
   * Resolves when the store may have one more slot: call the answer when the slot is free again. Undefined where the
   * store has its share and keeps it: after `patienceMs`, or at once where a job of it has waited in vain lately.
   */
  take(store: string): Promise<(() => void) | undefined>;
};

/**
 * Shares a worker's slots out to stores: those whose videos come slowly leave some to the others, as long as there are
 * more slots than such stores. A store whose attempts end soon only waits for the next of them.
 * @param options.patienceMs a job that waits fills a slot itself, so this is how long slow stores can be in the way.
 * @param options.impatientMs so long no job of a store waits again after one that waited in vain.
 */
export function createStoreConcurrency(
  slots: number,
  { patienceMs, impatientMs } = { patienceMs: 1_000, impatientMs: 10_000 },
): StoreConcurrency {
  const taken = new Map<string, number>();
  const waiting = new Set<{ store: string; begin(): void }>();
  const impatientUntil = new Map<string, number>();
  let free = slots;

  const mayTake = (store: string) => {
    const own = taken.get(store) ?? 0;
    return free > 0 && (own === 0 || own + 1 <= OWN_PER_FREE * (free - 1));
  };
  const occupy = (store: string) => {
    free -= 1;
    taken.set(store, (taken.get(store) ?? 0) + 1);
    return () => leave(store);
  };
  const leave = (store: string) => {
    free += 1;
    const own = (taken.get(store) ?? 0) - 1;
    if (own > 0) taken.set(store, own);
    else {
      taken.delete(store);
      impatientUntil.delete(store);
    }
    for (const one of waiting) if (mayTake(one.store)) return one.begin();
  };
  return {
    async take(store) {
      if (mayTake(store)) return occupy(store);
      if ((impatientUntil.get(store) ?? 0) > performance.now()) return undefined;
      return new Promise((resolve) => {
        const one = {
          store,
          begin() {
            clearTimeout(timer);
            waiting.delete(one);
            resolve(occupy(store));
          },
        };
        const timer = setTimeout(() => {
          waiting.delete(one);
          impatientUntil.set(store, performance.now() + impatientMs);
          resolve(undefined);
        }, patienceMs);
        waiting.add(one);
      });
    },
  };
}
