import { HOUR_MS, HOURS_OF_WEEK, type HourOfWeek } from './hour-of-week.ts';

const WEEK_MS = HOURS_OF_WEEK * HOUR_MS;

/** No silence is found before this much is known. */
export const LEARNING_MS = WEEK_MS;

/** Weight of the newest week from the fifth one on; before, all weeks count the same. */
export const MIN_WEIGHT = 0.2;

/** How many equal weeks the weighted mean is worth at most: (2 - w) / w. */
const MAX_WEEKS = (2 - MIN_WEIGHT) / MIN_WEIGHT;

/** Days differ by more than chance: their rates as if drawn from a gamma distribution of this shape, a deviation of 35 %. */
const DAY_SHAPE = 8;

/** A rate below this is zero. */
const NOTHING = 0.001;

/** Makes a false report this unlikely: e^-6 per 30 days, or once in 33 years for a series whose days differ as assumed. */
const MARGIN = 6;

/** What a store, or one camera of it, normally sends. Times are in milliseconds. */
export type Baseline = {
  /** The beginning of the first hour with an alert. */
  firstAt: number;
  /** Mean number of alerts in each hour of the week. */
  rates: Float32Array;
  /** The end of the last hour that was learned: that of its last alert, or an earlier one. */
  learnedUntil: number;
};

/** Returns the weight of the count of this hour against what was learned before it. */
export function weightOf(firstAt: number, hourAt: number): number {
  return Math.max(MIN_WEIGHT, 1 / (1 + Math.floor((hourAt - firstAt) / WEEK_MS)));
}

type Hour = { hourAt: number; count: number; hourOfWeek: HourOfWeek; isSkipped: (hourAt: number) => boolean };

/**
 * Adds the number of alerts in the hour that began at `hourAt`, at least one, and that there were none since the last hour that
 * was learned. Hours without alerts are learned only now: otherwise a silence would extend its own grace. Returns whether
 * rates of other hours than this one have changed.
 */
export function learn(baseline: Baseline, { hourAt, count, hourOfWeek, isSkipped }: Hour): boolean {
  const { firstAt, rates } = baseline;
  const add = (at: number, value: number) => {
    const slot = hourOfWeek(at);
    const rate = rates[slot] ?? 0;
    const next = rate + (value - rate) * weightOf(firstAt, at);
    rates[slot] = value === 0 && next < NOTHING ? 0 : next;
    return rate !== rates[slot];
  };
  let isOther = false;
  for (let at = baseline.learnedUntil; at < hourAt; at += HOUR_MS) {
    if (!isSkipped(at) && add(at, 0)) isOther = true;
  }
  if (!isSkipped(hourAt)) add(hourAt, count);
  baseline.learnedUntil = hourAt + HOUR_MS;
  return isOther;
}

/** A time in which silence means nothing, because all stores were silent. */
export type Pause = { from: number; to: number };

/** Returns how many alerts are normally sent between the two times. */
export function expectedBetween(
  { rates }: Pick<Baseline, 'rates'>,
  from: number,
  to: number,
  hourOfWeek: HourOfWeek,
): number {
  let sum = 0;
  for (let at = from; at < to; ) {
    const end = Math.min(to, (Math.floor(at / HOUR_MS) + 1) * HOUR_MS);
    sum += ((rates[hourOfWeek(at)] ?? 0) * (end - at)) / HOUR_MS;
    at = end;
  }
  return sum;
}

/** Returns how many alerts are normally sent in a week. */
export function perWeekOf({ rates }: Pick<Baseline, 'rates'>): number {
  let sum = 0;
  for (const rate of rates) sum += rate;
  return sum;
}

/** Returns the evidence that a silence must reach: the more alerts, the more gaps between them, and one of them is the longest. */
export function thresholdOf(perWeek: number): number {
  return MARGIN + Math.log(Math.max(1, (perWeek * 30) / 7));
}

type Silence = { since: number; until: number; minMs: number; pauses?: readonly Pause[] };

/**
 * Returns when the silence that began at `since` becomes significant, and never before `minMs` have passed; undefined: not
 * before `until`. Significant: the logarithm of the probability that a store which sends as usual sends nothing reaches the
 * threshold. In one day that is `s ln(1 + E/s)` for E expected alerts and a gamma distribution of the rate with shape s, of
 * several days their sum. E counts less while few weeks are known: `n ln(1 + 1/n)` is exact for n weeks of a Poisson process.
 */
export function significantAt(
  baseline: Baseline,
  { since, until, minMs, pauses = [] }: Silence,
  hourOfWeek: HourOfWeek,
): number | undefined {
  const weeks = Math.min(MAX_WEEKS, Math.max(1, (since - baseline.firstAt) / WEEK_MS));
  const caution = weeks * Math.log(1 + 1 / weeks);
  const threshold = thresholdOf(perWeekOf(baseline));
  let earlierDays = 0;
  let today = 0;
  for (let at = since; at < until; ) {
    const slot = hourOfWeek(at);
    const hourEnd = (Math.floor(at / HOUR_MS) + 1) * HOUR_MS;
    const pause = pauses.find(({ from, to }) => from <= at && at < to);
    const next = pauses.reduce((end, { from }) => (from > at ? Math.min(end, from) : end), hourEnd);
    const end = Math.min(pause ? Math.min(pause.to, hourEnd) : next, until);
    const perMs = pause ? 0 : (caution * (baseline.rates[slot] ?? 0)) / HOUR_MS;
    const needed = DAY_SHAPE * Math.expm1((threshold - earlierDays) / DAY_SHAPE) - today;
    if (perMs > 0 && needed <= perMs * (end - at))
      return orLater(at + Math.max(0, needed / perMs), since + minMs, until);
    today += perMs * (end - at);
    if (end === hourEnd && slot % 24 === 23) {
      earlierDays += evidence(today);
      today = 0;
    }
    at = end;
  }
  return undefined;
}

function evidence(expected: number): number {
  return DAY_SHAPE * Math.log1p(expected / DAY_SHAPE);
}

function orLater(at: number, earliest: number, until: number): number | undefined {
  const result = Math.max(at, earliest);
  return result < until ? result : undefined;
}
