const S = 1_000;
const MIN = 60 * S;
const H = 60 * MIN;

/** Delays after the first, second, … failed attempt: with the first attempt, ten attempts within about three days. */
const DELAYS_MS = [5 * S, 5 * MIN, 30 * MIN, 2 * H, 5 * H, 10 * H, 14 * H, 20 * H, 24 * H];

/** Number of attempts until a delivery has failed. */
export const MAX_ATTEMPTS = DELAYS_MS.length + 1;

const MAX_RETRY_AFTER_MS = H;

/** Returns a receiver's Retry-After, but at most one hour: otherwise it could stop its deliveries for years. */
export function cappedRetryAfterMs(retryAfterMs: number | undefined): number | undefined {
  return retryAfterMs === undefined ? undefined : Math.min(Math.max(0, retryAfterMs), MAX_RETRY_AFTER_MS);
}

/**
 * Returns the delay in milliseconds before the attempt that follows the failed attempt number `attempt`, or undefined if that
 * was the last one. A delay is up to a fifth shorter at random, so that deliveries that failed together are not retried
 * together, and at least as long as the receiver requested, up to one hour.
 */
export function retryDelayMs(
  attempt: number,
  retryAfterMs?: number | undefined,
  random: () => number = Math.random,
): number | undefined {
  const full = DELAYS_MS[attempt - 1];
  if (full === undefined) return undefined;
  return Math.max(Math.round(full * (1 - random() / 5)), cappedRetryAfterMs(retryAfterMs) ?? 0);
}
