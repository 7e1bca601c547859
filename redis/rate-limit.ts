import { withTimeout } from '#async/timeout.ts';
import { type CounterStore, openCounterStore, STORE_TIMEOUT_MS } from './rate-limit-store.ts';

/** Points consumed in the current window, and its end in epoch milliseconds. */
export type Usage = { consumed: number; resetAt: number };

export type RateLimiter = {
  /**
   * Consumes points of this key, counted over all processes with the same store, and returns the usage. If the points do
   * not fit within the limit, `consumed` is greater than the limit and nothing is consumed. Never rejects.
   */
  consume(key: string, points?: number): Promise<Usage> | Usage;
};

export type RateLimiters = {
  /** `limit` points per `windowMs`. `consumed` is exact up to the limit; beyond it, it only says that it is exceeded. */
  create(name: string, limit: number, windowMs: number): RateLimiter;
  close(): Promise<void>;
};

// Each attempt to use a failed store delays a request by up to STORE_TIMEOUT_MS.
const COOLDOWN_MS = 5_000;

// A process reserves this part of a limit from the store at once and hands it out from memory. The store then gets one
// command per 1/200 of the limit, the processes together never exceed the limit, and each other process holds back at most
// 0.5 % of it. Why not a library: docs/decisions/rate-limiting.md.
const RESERVATIONS_PER_WINDOW = 200;

// Per limiter, so that clients with many addresses cannot fill the memory. Dropped keys only cost another reservation.
const MAX_KEYS = 20_000;

/** `log` gets one line when the store becomes unavailable, and one when it is back. In between, each process counts alone. */
export function openRateLimiters(url: string, log: (message: string, error?: Error) => void): RateLimiters {
  const store = openCounterStore(url, () => {}); // `add` below reports what its errors mean for the limits
  let unavailableUntil = 0;
  const add: CounterStore['add'] = async (...args) => {
    if (Date.now() < unavailableUntil) throw new Error('the store failed a moment ago');
    try {
      const counted = await withTimeout(store.add(...args), STORE_TIMEOUT_MS);
      if (unavailableUntil > 0) log('rate limits are shared again');
      unavailableUntil = 0;
      return counted;
    } catch (error) {
      if (unavailableUntil === 0) log('rate limits are counted per process: their store is unavailable', plain(error));
      unavailableUntil = Date.now() + COOLDOWN_MS;
      throw error;
    }
  };
  return {
    create: (name, limit, windowMs) => createRateLimiter({ add, name, limit, windowMs }),
    close: () => store.close().catch(() => {}), // it was unavailable, and needs no closing
  };
}

/** Points reserved from the store: `upTo` counts those of all processes, of which `available` are not handed out yet. */
type Reservation = { upTo: number; available: number; resetAt: number };

function createRateLimiter(options: {
  add: CounterStore['add'];
  name: string;
  limit: number;
  windowMs: number;
}): RateLimiter {
  const { add, name, limit, windowMs } = options;
  const reservationSize = Math.max(1, Math.floor(limit / RESERVATIONS_PER_WINDOW));
  const reservations = new Map<string, Reservation>();
  const inFlight = new Map<string, Promise<void>>();
  const current = (key: string): Reservation | undefined => {
    const reservation = reservations.get(key);
    return reservation && Date.now() < reservation.resetAt ? reservation : undefined;
  };
  const reserve = async (key: string, points: number) => {
    const size = Math.max(reservationSize, points);
    const counted = await add(`${name}:${key}`, size, windowMs).catch(() => undefined); // logged above
    const before = current(key);
    reservations.delete(key); // the newest key is last
    reservations.set(key, counted ? extend(before, size, counted) : countAlone(before, limit, windowMs));
    const [oldest] = reservations.size > MAX_KEYS ? reservations.keys() : [];
    if (oldest !== undefined) reservations.delete(oldest);
  };
  const reserveOnce = (key: string, points: number): Promise<void> => {
    const running = inFlight.get(key) ?? reserve(key, points).finally(() => inFlight.delete(key));
    inFlight.set(key, running);
    return running;
  };
  const take = (key: string, points: number): Usage | undefined => {
    const reservation = current(key);
    // More than a whole window: not even reserved.
    if (points > limit) return { consumed: limit + 1, resetAt: reservation?.resetAt ?? Date.now() + windowMs };
    if (!reservation) return undefined;
    const { upTo, available, resetAt } = reservation;
    const consumed = upTo - available + points;
    if (available >= points && consumed <= limit) {
      reservation.available -= points;
      return { consumed, resetAt };
    }
    // Nothing is left to reserve in this window: clients over the limit cost the store nothing.
    return upTo >= limit ? { consumed: limit + 1, resetAt } : undefined;
  };
  return {
    consume(key, points = 1) {
      const usage = take(key, points);
      if (usage) return usage;
      return (async () => {
        for (;;) {
          await reserveOnce(key, points);
          const taken = take(key, points);
          if (taken) return taken;
        }
      })();
    },
  };
}

/** Adds the reserved points to what is left of the reservation before, unless the store has begun a new window. */
function extend(
  before: Reservation | undefined,
  size: number,
  counted: { total: number; leftMs: number },
): Reservation {
  const left = before && before.upTo + size <= counted.total ? before.available : 0;
  return { upTo: counted.total, available: left + size, resetAt: Date.now() + counted.leftMs };
}

/** Reserves the rest of the window without the store. */
function countAlone(before: Reservation | undefined, limit: number, windowMs: number): Reservation {
  const consumed = before ? before.upTo - before.available : 0;
  return { upTo: limit, available: Math.max(0, limit - consumed), resetAt: before?.resetAt ?? Date.now() + windowMs };
}

function plain(error: unknown): Error {
  // A host name with several addresses fails with an AggregateError, whose message is empty.
  const [first] = error instanceof AggregateError ? error.errors : [error];
  return new Error(first instanceof Error ? first.message : String(first));
}
