import type { Database } from '#prisma/client.ts';
import {
  type AlertCount,
  type BaselineRow,
  countAlerts,
  deleteBaselines,
  type HourRate,
  insertBaselines,
  oldestReceipt,
  readBaselines,
  readLearnedUntil,
  updateRates,
  writeLearnedUntil,
} from '#prisma/store-baselines.ts';
import { keyOf, type Series, type SeriesKey } from './detector.ts';
import { HOUR_MS, HOURS_OF_WEEK, type HourOfWeek } from './hour-of-week.ts';
import { learn } from './model.ts';

const DAY_MS = 24 * HOUR_MS;
/** What is learned of existing alerts at the first start; and how long a store without alerts is remembered. */
export const REMEMBERED_MS = 28 * DAY_MS;
/** Alerts are visible this long after the time of their receipt: a statement ends after 8 s. */
export const SETTLED_MS = 60_000;
/** How much time one statement counts after an hour with more than MANY alerts, and otherwise. */
const SLICE_MS = 600_000;
const MANY = 200_000;
const PAGE = 2_000;
/** 672 bytes each. A client that invents a camera for each alert must not fill the memory. */
const MAX_STORES = 50_000;
const MAX_CAMERAS = 50_000;
/** An hour in which fewer than this part of the usual alerts came was an outage or a holiday: nothing is learned from it. */
const MIN_PART = 0.2;

/** Learns what stores and cameras normally send. It keeps all baselines in memory, as they are in the database. */
export class Learner {
  readonly #db: Database;
  readonly #hourOfWeek: HourOfWeek;
  readonly #series = new Map<string, Series>();
  /** Hours of which nothing is learned. */
  readonly #unusual = new Set<number>();
  #cameras = 0;
  #learnedUntil = 0;
  #isBusy = true;

  constructor({ db, hourOfWeek }: { db: Database; hourOfWeek: HourOfWeek }) {
    this.#db = db;
    this.#hourOfWeek = hourOfWeek;
  }

  /** The end of the last hour that was learned. */
  get learnedUntil(): number {
    return this.#learnedUntil;
  }

  get series(): Series[] {
    return [...this.#series.values()];
  }

  /** Reads what was learned; at the first start, where the alerts begin that are still there. */
  async load(now: number): Promise<void> {
    const until = await readLearnedUntil(this.#db);
    let after = { store: '', camera: '' };
    for (;;) {
      const rows = await readBaselines(this.#db, { after, limit: PAGE });
      for (const each of rows.map(seriesOf)) this.#series.set(keyOf(each), each);
      after = rows.at(-1) ?? after;
      if (rows.length < PAGE) break;
    }
    this.#countCameras();
    const begin = until ?? (await oldestReceipt(this.#db)) ?? new Date(now);
    this.#learnedUntil = hourOf(Math.max(begin.getTime(), now - REMEMBERED_MS));
  }

  /** Learns the next hour that has ended and whose alerts are all visible. Returns false if there is none. */
  async learnNext(now: number): Promise<boolean> {
    if (now < this.#learnedUntil + HOUR_MS + SETTLED_MS) return false;
    await this.#learnHour(this.#learnedUntil);
    return true;
  }

  /** Forgets the stores and cameras that have sent nothing for four weeks. */
  async forget(now: number): Promise<void> {
    for (const [key, each] of this.#series) if (each.lastAt < now - REMEMBERED_MS) this.#series.delete(key);
    for (const hourAt of this.#unusual) if (hourAt < now - REMEMBERED_MS) this.#unusual.delete(hourAt);
    this.#countCameras();
    await deleteBaselines(this.#db, new Date(now - REMEMBERED_MS));
  }

  async #learnHour(hourAt: number): Promise<void> {
    const slot = this.#hourOfWeek(hourAt);
    const counts = await this.#countHour(hourAt);
    if (!isUsualHour(this.#series, counts, slot)) this.#unusual.add(hourAt);
    const whole: Series[] = [];
    const single: Series[] = [];
    const isSkipped = (at: number) => this.#unusual.has(at);
    for (const [each, count] of counts) {
      const isNew = each.learnedUntil === each.firstAt;
      const isOther = learn(each, { hourAt, count, hourOfWeek: this.#hourOfWeek, isSkipped });
      (isNew || isOther ? whole : single).push(each);
    }
    for (const page of pagesOf(whole)) await insertBaselines(this.#db, page.map(rowOf));
    for (const page of pagesOf(single)) {
      await updateRates(
        this.#db,
        slot,
        page.map((each) => rateOf(each, slot)),
      );
    }
    this.#learnedUntil = hourAt + HOUR_MS;
    await writeLearnedUntil(this.#db, new Date(this.#learnedUntil));
  }

  async #countHour(hourAt: number): Promise<Map<Series, number>> {
    const counts = new Map<Series, number>();
    const add = ({ store, count, lastAt }: AlertCount, camera: string | null) => {
      const known = this.#find({ store, camera }, hourAt);
      if (!known) return;
      known.lastAt = Math.max(known.lastAt, lastAt.getTime());
      counts.set(known, (counts.get(known) ?? 0) + count);
    };
    let total = 0;
    for await (const each of slices(this.#db, hourAt, hourAt + HOUR_MS, this.#isBusy ? SLICE_MS : HOUR_MS)) {
      add(each, null);
      if (each.camera !== null) add(each, each.camera);
      total += each.count;
    }
    this.#isBusy = total > MANY;
    return counts;
  }

  /** Returns the series; a new one if there is space for it. */
  #find({ store, camera }: SeriesKey, hourAt: number): Series | undefined {
    const key = keyOf({ store, camera });
    const known = this.#series.get(key);
    if (known) return known;
    if (camera === null ? this.#series.size - this.#cameras >= MAX_STORES : this.#cameras >= MAX_CAMERAS)
      return undefined;
    const rates = new Float32Array(HOURS_OF_WEEK);
    const added = { store, camera, firstAt: hourAt, lastAt: hourAt, learnedUntil: hourAt, rates };
    this.#series.set(key, added);
    if (camera !== null) this.#cameras += 1;
    return added;
  }

  #countCameras(): void {
    this.#cameras = this.series.filter(({ camera }) => camera !== null).length;
  }
}

/** Yields the counts of the alerts between the two times. */
export async function* slices(db: Database, from: number, to: number, sliceMs = SLICE_MS): AsyncGenerator<AlertCount> {
  for (let at = from; at < to; at += sliceMs) {
    yield* await countAlerts(db, new Date(at), new Date(Math.min(at + sliceMs, to)));
  }
}

function isUsualHour(series: Map<string, Series>, counts: Map<Series, number>, slot: number): boolean {
  let expected = 0;
  let count = 0;
  for (const each of series.values()) {
    if (each.camera !== null) continue;
    expected += each.rates[slot] ?? 0;
    count += counts.get(each) ?? 0;
  }
  return expected < 10 || count >= MIN_PART * expected;
}

function seriesOf({ store, camera, firstAt, lastAlertAt, learnedUntil, rates }: BaselineRow): Series {
  return {
    ...{ store, camera: camera === '' ? null : camera, learnedUntil: learnedUntil.getTime() },
    ...{ firstAt: firstAt.getTime(), lastAt: lastAlertAt.getTime(), rates: Float32Array.from(rates) },
  };
}

function rowOf({ store, camera, firstAt, lastAt, learnedUntil, rates }: Series): BaselineRow {
  return {
    ...{ store, camera: camera ?? '', firstAt: new Date(firstAt), lastAlertAt: new Date(lastAt) },
    ...{ learnedUntil: new Date(learnedUntil), rates: [...rates] },
  };
}

function rateOf({ store, camera, lastAt, learnedUntil, rates }: Series, slot: number): HourRate {
  const times = { lastAlertAt: new Date(lastAt), learnedUntil: new Date(learnedUntil) };
  return { store, camera: camera ?? '', rate: rates[slot] ?? 0, ...times };
}

function hourOf(ms: number): number {
  return Math.floor(ms / HOUR_MS) * HOUR_MS;
}

function* pagesOf<Item>(items: readonly Item[]): Generator<Item[]> {
  for (let start = 0; start < items.length; start += PAGE) yield items.slice(start, start + PAGE);
}
