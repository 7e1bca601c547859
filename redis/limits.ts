import { setTimeout as sleep } from 'node:timers/promises';
import { COUNT_MS, type CountStore, openCountStore } from './counts.ts';

/** The place of a hit in its window, from 1 on, and when the window ends (epoch milliseconds). */
export type Hit = { number: number; resetAt: number };

export type Counter = {
  /** Counts one more hit of this key, over all processes that count on the same store. Never rejects. */
  hit(key: string): Promise<Hit> | Hit;
};

export type Limits = {
  /** Hits within a window of `windowMs`; numbers up to `limit` are right, those beyond it only say that it is passed. */
  counter(name: string, limit: number, windowMs: number): Counter;
  close(): Promise<void>;
};

// A store that failed is left alone for so long: each try costs a request up to COUNT_MS.
const AWAY_MS = 5_000;

// A counter takes this part of its limit from the store at once and hands it out by itself. So the store is asked once in
// 200 requests of a full window, never lets more than the limit through however many processes count, and each other process
// keeps at most half a percent back.
const SHARE = 200;

// Of each counter. Who would fill it with addresses drops the oldest, which then ask the store again.
const MOST_KEYS = 20_000;

/** `tell` gets one line when the store goes and one when it is back; meanwhile each process counts by itself. */
export function openLimits(url: string, tell: (line: string, error?: Error) => void): Limits {
  const store = openCountStore(url, () => {}); // what it means for counting, `add` below tells
  let awayUntil = 0;
  const add: CountStore['add'] = async (...what) => {
    if (Date.now() < awayUntil) throw new Error('away');
    try {
      const counted = await inTime(store.add(...what));
      if (awayUntil > 0) tell('limits are shared again');
      awayUntil = 0;
      return counted;
    } catch (error) {
      if (awayUntil === 0)
        tell('limits are counted by each process alone: their store does not answer', asError(error));
      awayUntil = Date.now() + AWAY_MS;
      throw error;
    }
  };
  return {
    counter: (name, limit, windowMs) => createCounter({ add, name, limit, windowMs }),
    close: () => store.close().catch(() => {}), // it was away, and is left so
  };
}

/** `top`: hits taken from the store so far, of which `left` are not handed out yet. */
type Share = { top: number; left: number; resetAt: number };

function createCounter(of: { add: CountStore['add']; name: string; limit: number; windowMs: number }): Counter {
  const { limit, windowMs } = of;
  const share = Math.max(1, Math.floor(limit / SHARE));
  const shares = new Map<string, Share>();
  const asking = new Map<string, Promise<void>>();
  const ask = async (key: string) => {
    const before = shares.get(key);
    let taken: Share;
    try {
      const { total, leftMs } = await of.add(`${of.name}:${key}`, share, windowMs);
      taken = { top: total, left: share, resetAt: Date.now() + leftMs };
    } catch {
      // Told above. Alone it hands out what is left of the window.
      const current = before && Date.now() < before.resetAt ? before : { top: 0, resetAt: Date.now() + windowMs };
      taken = { top: limit, left: Math.max(0, limit - current.top), resetAt: current.resetAt };
    }
    shares.delete(key); // the newest stand last
    shares.set(key, taken);
    const [oldest] = shares.size > MOST_KEYS ? shares.keys() : [];
    if (oldest !== undefined) shares.delete(oldest);
  };
  const askOnce = (key: string): Promise<void> => {
    const under = asking.get(key) ?? ask(key).finally(() => asking.delete(key));
    asking.set(key, under);
    return under;
  };
  const take = (key: string): Hit | undefined => {
    const own = shares.get(key);
    if (!own || Date.now() >= own.resetAt) return undefined;
    if (own.left > 0) {
      own.left -= 1;
      return { number: own.top - own.left, resetAt: own.resetAt };
    }
    // Nothing more to ask for until the window ends: who is over the limit costs the store nothing.
    return own.top >= limit ? { number: limit + 1, resetAt: own.resetAt } : undefined;
  };
  return {
    hit(key) {
      const hit = take(key);
      if (hit) return hit;
      return (async () => {
        for (;;) {
          await askOnce(key);
          const taken = take(key);
          if (taken) return taken;
        }
      })();
    },
  };
}

async function inTime<T>(promise: Promise<T>): Promise<T> {
  const settled = new AbortController();
  const late = sleep(COUNT_MS, undefined, { signal: settled.signal }).then(() => {
    throw new Error(`no answer within ${COUNT_MS} ms`);
  });
  late.catch(() => {}); // aborted, or lost the race
  return Promise.race([promise, late]).finally(() => settled.abort());
}

function asError(error: unknown): Error {
  // A name with several addresses fails with an AggregateError, whose message is empty.
  const [first] = error instanceof AggregateError ? error.errors : [error];
  return new Error(first instanceof Error ? first.message : String(first));
}
