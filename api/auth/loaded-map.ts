import { setTimeout as sleep } from 'node:timers/promises';
import { singleFlight } from '#async/single-flight.ts';

// A deleted entry disappears on every replica within MAX_AGE_MS. Each load reads all entries, so clients that request
// unknown ones fill no memory and cost the database one query per RELOAD_MS.
const REFRESH_MS = 2_000;
const MAX_AGE_MS = 4_500;
const RELOAD_MS = 500;

/** All rows of a small table, at most 4.5 s old. */
export type LoadedMap<Value> = {
  /** Returns undefined if no entry has this id. Throws what `load` throws. */
  get(id: string): Promise<Value | undefined>;
  /** Removes an entry from this process at once. */
  delete(id: string): void;
};

/** Returns a cache of the entries that `load` returns. */
export function createLoadedMap<Value>(load: () => Promise<[id: string, value: Value][]>): LoadedMap<Value> {
  let entries = new Map<string, Value>();
  let loadedAt = -Infinity;
  const refresh = singleFlight(async () => {
    // The age counts from the start of the query: an entry deleted while it runs may still be in its result.
    const startedAt = performance.now();
    entries = new Map(await load());
    loadedAt = startedAt;
  });
  const reload = singleFlight(async () => {
    await sleep(Math.max(0, loadedAt + RELOAD_MS - performance.now()));
    await refresh();
  });
  return {
    async get(id) {
      const age = performance.now() - loadedAt;
      if (age > MAX_AGE_MS) await refresh();
      else if (age > REFRESH_MS) refresh().catch(() => {}); // after MAX_AGE_MS a request waits for it and gets its error
      const requestedAt = performance.now();
      // The entry may be new: only a load that started after the request can rule that out.
      while (!entries.has(id) && loadedAt < requestedAt) await reload();
      return entries.get(id);
    },
    delete: (id) => void entries.delete(id),
  };
}
