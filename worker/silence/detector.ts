import { HOUR_MS, type HourOfWeek } from './hour-of-week.ts';
import { type Baseline, expectedBetween, LEARNING_MS, significantAt } from './model.ts';
import { QuietTimes } from './quiet-times.ts';

const DAY_MS = 24 * HOUR_MS;

/** A store, or one of its cameras. */
export type SeriesKey = { store: string; camera: string | null };

/** `lastAt`: when its last alert was received, in milliseconds. */
export type Series = SeriesKey & Baseline & { lastAt: number };

/** `since`: its last alert. `graceEndsAt`: when the silence became significant. `expected`: alerts that usually come until now. */
export type FoundSilence = SeriesKey & { since: number; graceEndsAt: number; expected: number };

export type Tick = {
  /** Series that have been silent for longer than their grace, and are not open. */
  silent: FoundSilence[];
  /** Open silences whose series has sent an alert. */
  back: (SeriesKey & { lastAt: number })[];
};

type Entry = Series & {
  key: string;
  /** Of its store. */
  storeKey: string;
  /** Whether its silence is open. */
  silent: boolean;
  /** When the silence of the series can be significant at the earliest. */
  checkAt: number;
  /** The end of the last silence of its store: before, a camera's silence meant nothing. */
  storeBackAt: number;
};

/** Returns a text that differs for each store and camera: their names have no control characters. */
export const keyOf = ({ store, camera }: SeriesKey): string => (camera === null ? store : `${store}\n${camera}`);

/**
 * Finds silences. It knows no clock and no database: all times are passed to it. `minMs` is the shortest grace.
 */
export class Detector {
  readonly quiet: QuietTimes;
  readonly #hourOfWeek: HourOfWeek;
  readonly #minMs: number;
  readonly #open = new Map<string, SeriesKey & { since: number }>();
  #entries = new Map<string, Entry>();
  #stores: Entry[] = [];
  #cameras: Entry[] = [];

  constructor(options: { hourOfWeek: HourOfWeek; minMs: number }) {
    this.quiet = new QuietTimes(options);
    this.#hourOfWeek = options.hourOfWeek;
    this.#minMs = options.minMs;
  }

  /** The number of stores and cameras. */
  get size(): number {
    return this.#entries.size;
  }

  /** Replaces what was learned. Alerts that were seen since stay known. */
  load(series: readonly Series[]): void {
    const entries = series.map((each) => this.#entryOf(each));
    this.#entries = new Map(entries.map((entry) => [entry.key, entry]));
    this.#stores = entries.filter(({ camera }) => camera === null);
    this.#cameras = entries.filter(({ camera }) => camera !== null);
    for (const { lastAt } of entries) this.quiet.seen(lastAt);
    for (const key of this.#open.keys()) if (!this.#entries.has(key)) this.#open.delete(key);
  }

  /** Notes an alert that was received at this time. One of an unknown series has an effect once the series is learned. */
  seen({ store, camera }: SeriesKey, at: number): void {
    this.quiet.seen(at);
    this.#note({ store, camera: null }, at);
    if (camera !== null) this.#note({ store, camera }, at);
  }

  /** Finds what is silent and what is back at this time. The caller records it, then calls `opened` and `ended`. */
  tick(now: number): Tick {
    const back: Tick['back'] = [];
    for (const [key, silence] of this.#open) {
      const lastAt = this.#entries.get(key)?.lastAt ?? 0;
      if (lastAt > silence.since) back.push({ ...silence, lastAt });
    }
    this.quiet.update(this.#stores, now);
    const silent = this.#findSilent(this.#stores, now);
    const stores = new Set(silent.map(({ store }) => store));
    return {
      silent: [...silent, ...this.#findSilent(this.#cameras, now).filter((each) => !stores.has(each.store))],
      back,
    };
  }

  /** Notes that the silence is recorded: it is not found again before it ends. */
  opened(silence: SeriesKey & { since: number }): void {
    const key = keyOf(silence);
    this.#open.set(key, silence);
    const entry = this.#entries.get(key);
    if (entry) entry.silent = true;
  }

  /** Notes that the silence ended at this time. The cameras of a store then have a new grace. */
  ended(silence: SeriesKey, at: number): void {
    const key = keyOf(silence);
    this.#open.delete(key);
    const entry = this.#entries.get(key);
    if (entry) entry.silent = false;
    if (silence.camera !== null) return;
    for (const camera of this.#cameras) {
      if (camera.store === silence.store) Object.assign(camera, { storeBackAt: at, checkAt: at + this.#minMs });
    }
  }

  #findSilent(entries: readonly Entry[], now: number): FoundSilence[] {
    const silent: FoundSilence[] = [];
    for (const entry of entries) {
      if (now < entry.checkAt || this.#open.has(entry.key) || this.#open.has(entry.storeKey)) continue;
      const found = this.#check(entry, now);
      if (found) silent.push(found);
    }
    return silent;
  }

  #check(entry: Entry, now: number): FoundSilence | undefined {
    if (now < entry.firstAt + LEARNING_MS) {
      entry.checkAt = entry.firstAt + LEARNING_MS;
      return undefined;
    }
    const { store, camera, lastAt } = entry;
    const since = Math.max(lastAt, entry.storeBackAt);
    const silence = { since, until: now + DAY_MS, minMs: this.#minMs, pauses: this.quiet.pausesAfter(since) };
    const graceEndsAt = significantAt(entry, silence, this.#hourOfWeek);
    entry.checkAt = graceEndsAt ?? silence.until;
    if (graceEndsAt === undefined || graceEndsAt > now) return undefined;
    const expected = expectedBetween(entry, lastAt, now, this.#hourOfWeek);
    return { store, camera, since: lastAt, graceEndsAt, expected };
  }

  #entryOf(series: Series): Entry {
    const key = keyOf(series);
    const before = this.#entries.get(key);
    const lastAt = Math.max(series.lastAt, before?.lastAt ?? 0);
    // Nothing is learned of a silence, so its grace stays the same.
    const checkAt = before && before.lastAt === lastAt ? before.checkAt : lastAt + this.#minMs;
    const storeKey = series.camera === null ? key : keyOf({ store: series.store, camera: null });
    const storeBackAt = before?.storeBackAt ?? 0;
    return { ...series, key, storeKey, silent: this.#open.has(key), lastAt, checkAt, storeBackAt };
  }

  #note(key: SeriesKey, at: number): void {
    const entry = this.#entries.get(keyOf(key));
    if (!entry || at <= entry.lastAt) return;
    entry.lastAt = at;
    entry.checkAt = at + this.#minMs;
  }
}
