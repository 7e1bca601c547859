import type { ClaimedAlert } from '#prisma/alerts.ts';
import { retryDelayMs } from '#redis/contract.ts';

/** What one round of attempts at an alert may take. */
export type RetryLimits = {
  /** How long after the start of its round an attempt that failed temporarily is followed by another one. */
  horizonMs: number;
  /** Undefined: only the horizon limits the number of attempts. */
  maxAttempts: number | undefined;
  /** The bytes of one attempt. */
  byteBudget: number;
  /** The duration of one attempt. */
  attemptTimeoutMs: number;
  /** The duration of one attempt once the attempts before took ATTEMPT_TIMEOUTS whole ones. */
  shortTimeoutMs: number;
};

/** A round may take this many attempt timeouts in all; after that, each attempt is short. */
const ATTEMPT_TIMEOUTS = 3;
/** A round may fetch this many byte budgets. */
const BYTE_BUDGETS = 4;
/** The shortest time before the end of the horizon for which another attempt is scheduled. */
const LAST_DELAY_MS = 1_000;
/** An alert whose first attempt came late, because no worker ran, has attempts for at least this long. */
const MIN_RETRIED_MS = 60_000;

/** The shortest time before the end of the horizon for which a waiting alert returns. */
const MIN_WAIT_MS = 30_000;

type Round = Pick<ClaimedAlert, 'attempts' | 'attemptsBefore' | 'crashes' | 'roundAgeMs' | 'roundBytes' | 'busyMs'>;

/** The cost of the attempt that has just ended. */
type Cost = { ms: number; bytesFetched: number };

/** `why`: the limit that is reached. */
type Ended = { kind: 'end'; why: 'horizon' | 'attempts' | 'bytes' };
export type NextStep = { kind: 'retry'; delayMs: number } | Ended;

/** Returns how long the attempt that starts now may take, in milliseconds. */
export function attemptLimitMs({ busyMs }: Round, { attemptTimeoutMs, shortTimeoutMs }: RetryLimits): number {
  const left = ATTEMPT_TIMEOUTS * attemptTimeoutMs - busyMs;
  return Math.min(attemptTimeoutMs, Math.max(left, shortTimeoutMs));
}

/** Returns whether another attempt follows one that failed temporarily, and when. */
export function nextStep(round: Round, cost: Cost, limits: RetryLimits, retryAfterMs?: number): NextStep {
  const attempts = attemptsOf(round);
  if (attempts >= (limits.maxAttempts ?? Number.POSITIVE_INFINITY)) return { kind: 'end', why: 'attempts' };
  // Another attempt could fetch a whole budget.
  const bytes = round.roundBytes + cost.bytesFetched + limits.byteBudget;
  if (bytes > BYTE_BUDGETS * limits.byteBudget) return { kind: 'end', why: 'bytes' };
  const delayMs = retryDelayMs(attempts, retryAfterMs);
  const left = limits.horizonMs - round.roundAgeMs - cost.ms;
  // The last attempt is at the end of the horizon, so that no outage that is shorter can fail an alert.
  if (left >= LAST_DELAY_MS) return { kind: 'retry', delayMs: Math.min(delayMs, left) };
  const delaysSoFarMs = (2 ** Math.min(attempts, 20) - 1) * 1_000;
  if (delaysSoFarMs < Math.min(limits.horizonMs, MIN_RETRIED_MS)) return { kind: 'retry', delayMs };
  return { kind: 'end', why: 'horizon' };
}

/** Returns whether an alert whose source has been down for this long has no time left. */
export function isOverdueAfter(
  downForMs: number,
  { roundAgeMs }: Pick<Round, 'roundAgeMs'>,
  { horizonMs }: RetryLimits,
) {
  return roundAgeMs >= horizonMs && downForMs >= Math.min(horizonMs, MIN_RETRIED_MS);
}

/**
 * Returns when an alert that waits for its source returns: not long after the end of its horizon. `ageMs`: the time since its
 * round began.
 */
export function waitingDelayMs(
  { delayMs }: { delayMs: number },
  ageMs: number,
  { horizonMs }: Pick<RetryLimits, 'horizonMs'>,
): number {
  return Math.min(delayMs, Math.max(horizonMs - ageMs, MIN_WAIT_MS));
}

/** Returns the attempts of the round, without those whose worker vanished. */
function attemptsOf({ attempts, attemptsBefore, crashes }: Round): number {
  return Math.max(1, attempts - attemptsBefore - crashes);
}

/** Returns the limit that ended the round, as the end of a sentence such as `not readable for 24 h`. */
export function limitText(why: Ended['why'], { horizonMs, maxAttempts, byteBudget }: RetryLimits): string {
  if (why === 'horizon') return `for ${durationText(horizonMs)}`;
  return why === 'attempts'
    ? `in ${maxAttempts} attempts`
    : `within the ${BYTE_BUDGETS * byteBudget} bytes of all attempts`;
}

/** Returns `24 h`, `5 min` or `90 s`. */
function durationText(ms: number): string {
  if (ms % 3_600_000 === 0) return `${ms / 3_600_000} h`;
  return ms % 60_000 === 0 ? `${ms / 60_000} min` : `${ms / 1_000} s`;
}
