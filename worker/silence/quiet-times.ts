import { HOUR_MS, type HourOfWeek } from './hour-of-week.ts';
import { type Baseline, expectedBetween, LEARNING_MS, type Pause, perWeekOf, thresholdOf } from './model.ts';

/** Without any alert for this long, the probability of that is examined. */
const GAP_MS = 60_000;
/** Alerts that other stores usually send in a gap that is no coincidence: it happens once in 150 such gaps. */
const GAP_EXPECTED = 5;
/** Number of stores that usually send in an hour. Fewer say nothing about all stores. */
const MIN_ACTIVE = 10;
/** Time does not count towards the grace of a store while a smaller part of them sends. */
const QUIET_PART = 1 / 2;
/** Below this part, it is reported as a silence of all stores. */
const CLEAR_PART = 1 / 4;
const KEPT_MS = 28 * 24 * HOUR_MS;

/** `silent`: it is known to be silent, so it says nothing about others. */
type Store = Baseline & { lastAt: number; silent: boolean };
type Stores = readonly Store[];

/** `significant`: it has lasted for the grace of all stores together; then `expected` is the number of alerts that usually come in it. */
export type QuietTime = Pause & { expected: number; significant: boolean };

/**
 * The times in which nearly nobody sent alerts: this system was down, the api or the network was unavailable, or it was a
 * holiday. The silence of a single store then says nothing about the store, so these times do not count towards its grace.
 */
export class QuietTimes {
  readonly #hourOfWeek: HourOfWeek;
  readonly #minMs: number;
  readonly #windowMs: number;
  #pauses: Pause[] = [];
  #current: QuietTime | undefined;
  #lastAny = 0;
  #checkedAt = 0;

  constructor({ hourOfWeek, minMs }: { hourOfWeek: HourOfWeek; minMs: number }) {
    this.#hourOfWeek = hourOfWeek;
    this.#minMs = minMs;
    this.#windowMs = Math.min(HOUR_MS, minMs);
  }

  seen(at: number): void {
    if (at > this.#lastAny) this.#lastAny = at;
  }

  /** Extends, begins or ends the quiet time. */
  update(stores: Stores, now: number): void {
    const isDue = now - this.#checkedAt >= this.#windowMs / 12 || now - this.#lastAny >= GAP_MS;
    if (!isDue && !this.#current) return;
    this.#checkedAt = now;
    const before = this.#current;
    const found = this.#look(stores, now);
    if (!found) {
      this.#current = undefined;
      return;
    }
    const pause = { from: Math.min(found.from, before?.from ?? found.from), to: now };
    const current = { ...pause, ...this.#significance(stores, { ...pause, clear: found.clear }) };
    this.#pauses = this.#pauses.filter((each) => each !== before && now - each.to < KEPT_MS);
    this.#pauses.push(current);
    this.#current = current;
  }

  /** Returns the quiet time that has not ended. */
  current(): QuietTime | undefined {
    return this.#current;
  }

  /** Returns when the newest alert of all was received. */
  lastAlertAt(): number {
    return this.#lastAny;
  }

  /** Adds earlier quiet times. */
  restore(earlier: readonly Pause[]): void {
    this.#pauses = [...earlier, ...this.#pauses];
  }

  pausesAfter(at: number): Pause[] {
    return this.#pauses.filter(({ to }) => to > at);
  }

  #look(stores: Stores, now: number): { from: number; clear: boolean } | undefined {
    if (now - this.#lastAny >= GAP_MS && this.#isGap(stores, now)) return { from: this.#lastAny, clear: true };
    const part = this.#activePart(stores, now);
    return part < QUIET_PART ? { from: now - this.#windowMs, clear: part < CLEAR_PART } : undefined;
  }

  /** Returns whether it is no coincidence that no alert came since the last one. */
  #isGap(stores: Stores, now: number): boolean {
    let total = 0;
    let largest = 0;
    for (const store of stores) {
      if (!counts(store, now)) continue;
      const expected = expectedBetween(store, this.#lastAny, now, this.#hourOfWeek);
      total += expected;
      if (expected > largest) largest = expected;
    }
    // Without the largest one, whose own silence must not look like that of all.
    return total - largest >= GAP_EXPECTED;
  }

  /** Returns which part of the stores that usually send has done so; 1 if they are too few to be sure. */
  #activePart(stores: Stores, now: number): number {
    let expected = 0;
    let active = 0;
    for (const store of stores) {
      if (!counts(store, now)) continue;
      expected += -Math.expm1(-expectedBetween(store, now - this.#windowMs, now, this.#hourOfWeek));
      if (store.lastAt > now - this.#windowMs) active += 1;
    }
    return expected < MIN_ACTIVE ? 1 : active / expected;
  }

  /** Once it is significant, a quiet time stays so. */
  #significance(stores: Stores, { from, to, clear }: Pause & { clear: boolean }) {
    const before = this.#current;
    if (before?.significant) return { expected: before.expected, significant: true };
    if (!clear || to - from < this.#minMs) return { expected: 0, significant: false };
    let expected = 0;
    let perWeek = 0;
    for (const store of stores) {
      if (!counts(store, to)) continue;
      expected += expectedBetween(store, from, to, this.#hourOfWeek);
      perWeek += perWeekOf(store);
    }
    return { expected, significant: expected >= thresholdOf(perWeek) };
  }
}

function counts({ firstAt, silent }: Store, now: number): boolean {
  return !silent && now - firstAt >= LEARNING_MS;
}
