import { withTimeout } from '#async/timeout.ts';
import { COUNT_MS, type CountStore, openCountStore } from './rate-limit-store.ts';

/** The place of a hit in its window, from 1 on, and when the window ends (epoch milliseconds). */
export type Hit = { number: number; resetAt: number };

export type Counter = {
  /**
   * Counts hits of this key, one unless told otherwise, over all processes that count on the same store. Tells the place of
   * the last one; where it is beyond the limit, none of them is taken. Never rejects.
   */
  hit(key: string, hits?: number): Promise<Hit> | Hit;
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
      const counted = await withTimeout(store.add(...what), COUNT_MS);
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
  const currentShare = (key: string): Share | undefined => {
    const own = shares.get(key);
    return own && Date.now() < own.resetAt ? own : undefined;
  };
  const ask = async (key: string, hits: number) => {
    const asked = Math.max(share, hits);
    const counted = await of.add(`${of.name}:${key}`, asked, windowMs).catch(() => undefined); // told above
    const before = currentShare(key);
    shares.delete(key); // the newest stand last
    shares.set(key, counted ? withCounted(before, asked, counted) : alone(before, limit, windowMs));
    const [oldest] = shares.size > MOST_KEYS ? shares.keys() : [];
    if (oldest !== undefined) shares.delete(oldest);
  };
  const askOnce = (key: string, hits: number): Promise<void> => {
    const under = asking.get(key) ?? ask(key, hits).finally(() => asking.delete(key));
    asking.set(key, under);
    return under;
  };
  const take = (key: string, hits: number): Hit | undefined => {
    const own = currentShare(key);
    // More than a whole window holds: they are not even asked for.
    if (hits > limit) return { number: limit + 1, resetAt: own?.resetAt ?? Date.now() + windowMs };
    if (!own) return undefined;
    const { top, left, resetAt } = own;
    const number = top - left + hits;
    if (left >= hits && number <= limit) {
      own.left -= hits;
      return { number, resetAt };
    }
    // Nothing more to ask for until the window ends: who is over the limit costs the store nothing.
    return top >= limit ? { number: limit + 1, resetAt } : undefined;
  };
  return {
    hit(key, hits = 1) {
      const hit = take(key, hits);
      if (hit) return hit;
      return (async () => {
        for (;;) {
          await askOnce(key, hits);
          const taken = take(key, hits);
          if (taken) return taken;
        }
      })();
    },
  };
}

/** What was asked for and what is left of before, unless the store began a new window in between. */
function withCounted(before: Share | undefined, asked: number, counted: { total: number; leftMs: number }): Share {
  const kept = before && before.top + asked <= counted.total ? before.left : 0;
  return { top: counted.total, left: kept + asked, resetAt: Date.now() + counted.leftMs };
}

/** All that is left of the window, handed out without the store. */
function alone(before: Share | undefined, limit: number, windowMs: number): Share {
  const taken = before ? before.top - before.left : 0;
  return { top: limit, left: Math.max(0, limit - taken), resetAt: before?.resetAt ?? Date.now() + windowMs };
}

function asError(error: unknown): Error {
  // A name with several addresses fails with an AggregateError, whose message is empty.
  const [first] = error instanceof AggregateError ? error.errors : [error];
  return new Error(first instanceof Error ? first.message : String(first));
}
