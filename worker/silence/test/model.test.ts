import { describe, expect, it } from 'vitest';
import { Detector, type Series } from '../detector.ts';
import { HOUR_MS, HOURS_OF_WEEK, hourOfWeekIn } from '../hour-of-week.ts';
import { type Baseline, expectedBetween, learn, significantAt, thresholdOf } from '../model.ts';
import { replay } from './replay.ts';
import { START } from './simulated-stores.ts';

const WEEK_MS = HOURS_OF_WEEK * HOUR_MS;
const utc = hourOfWeekIn('UTC');
const at = (hours: number) => START + hours * HOUR_MS;

/** Known for `weeks`, with this many alerts an hour from 8 to 20 o'clock. */
function openByDay(perHour: number, weeks = 9): Baseline {
  const rates = Float32Array.from({ length: HOURS_OF_WEEK }, (_, slot) =>
    slot % 24 >= 8 && slot % 24 < 20 ? perHour : 0,
  );
  return { firstAt: START - weeks * WEEK_MS, learnedUntil: START, rates };
}

const series = (store: string, perHour: number, lastAt: number, camera: string | null = null): Series => ({
  ...{ store, camera, lastAt },
  ...openByDay(perHour),
});

describe('the hour of the week', () => {
  it('begins on Monday at midnight, in the time zone', () => {
    expect([utc(START), utc(at(-1)), utc(at(25))]).toEqual([0, 167, 25]);
    expect([hourOfWeekIn('Asia/Tokyo')(START), hourOfWeekIn('America/New_York')(START)]).toEqual([9, 163]);
  });

  it('keeps opening hours in place when the clocks change', () => {
    const zurich = hourOfWeekIn('Europe/Zurich');
    const [winter, summer] = [Date.UTC(2026, 2, 27, 7), Date.UTC(2026, 2, 30, 6)];
    expect([zurich(winter) % 24, zurich(summer) % 24]).toEqual([8, 8]);
  });
});

describe('what is learned', () => {
  it('is the mean of the weeks, and later mostly that of the newest ones', () => {
    const baseline = { firstAt: START, learnedUntil: START, rates: new Float32Array(HOURS_OF_WEEK) };
    const add = (week: number, count: number) =>
      learn(baseline, { hourAt: at(10 + week * 168), count, hourOfWeek: utc, isSkipped: () => false });
    for (const [week, count] of [4, 8, 3].entries()) add(week, count);
    expect(baseline.rates[10]).toBeCloseTo(5);
    for (let week = 3; week < 30; week += 1) add(week, 20);
    expect(baseline.rates[10]).toBeCloseTo(20, 1);
    expect(expectedBetween(baseline, at(10.5), at(12), utc)).toBeCloseTo(10, 1);
  });
});

it('hours without alerts are learned with the next alert, except those in which no store sent any', () => {
  const baseline = { ...openByDay(10), learnedUntil: at(9) };
  const isSkipped = (hourAt: number) => hourAt === at(10);
  expect(learn(baseline, { hourAt: at(12), count: 10, hourOfWeek: utc, isSkipped })).toBe(true);
  expect([...baseline.rates.slice(8, 14)]).toEqual([10, 8, 10, 8, 10, 10]);
  expect(baseline.learnedUntil).toBe(at(13));
  expect(learn(baseline, { hourAt: at(13), count: 5, hourOfWeek: utc, isSkipped })).toBe(false);
});

describe('a silence', () => {
  const minMs = HOUR_MS;
  const graceOf = (baseline: Baseline, since: number, pauses = [] as { from: number; to: number }[]) => {
    const found = significantAt(baseline, { since, until: since + 4 * WEEK_MS, minMs, pauses }, utc);
    return found === undefined ? undefined : (found - since) / HOUR_MS;
  };

  it('becomes significant sooner in a busy store, and never before the shortest grace', () => {
    expect(graceOf(openByDay(1_000), at(9))).toBe(1);
    expect(graceOf(openByDay(10), at(9))).toBeGreaterThan(3);
    expect(graceOf(openByDay(10), at(9))).toBeLessThan(8);
    expect(graceOf(openByDay(0), at(9))).toBeUndefined();
  });

  it('takes no notice of the night', () => {
    const grace = graceOf(openByDay(100), at(19.9)) ?? 0;
    expect(grace).toBeGreaterThan(12.1);
    expect(grace).toBeLessThan(13);
  });

  it('needs more evidence while less is known, and where there are more gaps', () => {
    expect(graceOf(openByDay(10, 1), at(9)) ?? 0).toBeGreaterThan(graceOf(openByDay(10), at(9)) ?? 99);
    expect(thresholdOf(1_000)).toBeGreaterThan(thresholdOf(10));
  });

  it('is extended by pauses', () => {
    const before = graceOf(openByDay(10), at(9)) ?? 0;
    expect(graceOf(openByDay(10), at(9), [{ from: at(9.25), to: at(11.25) }])).toBeCloseTo(before + 2, 5);
  });
});

describe('the detector', () => {
  const open = (all: Series[]) => {
    const detector = new Detector({ hourOfWeek: utc, minMs: HOUR_MS });
    detector.load(all);
    return detector;
  };

  it('finds a silent store and its return, each once', () => {
    const detector = open([series('a', 500, at(9)), series('b', 500, at(9))]);
    const seen = (store: string, hours: number) => detector.seen({ store, camera: null }, at(hours));
    seen('b', 9.9);
    expect(detector.tick(at(9.99)).silent).toEqual([]);
    seen('b', 10);
    const [found] = detector.tick(at(10)).silent;
    expect(found).toMatchObject({ store: 'a', camera: null, since: at(9), graceEndsAt: at(10), expected: 500 });
    detector.opened({ store: 'a', camera: null, since: at(9) });
    expect(detector.tick(at(10.01))).toEqual({ silent: [], back: [] });
    seen('a', 10.1);
    expect(detector.tick(at(10.1)).back).toMatchObject([{ store: 'a', lastAt: at(10.1) }]);
  });

  it('reports a camera only while its store sends, and after the return of the store only with a new grace', () => {
    const detector = open([series('a', 500, at(9)), series('a', 200, at(9), 'yard'), series('b', 500, at(9))]);
    const tick = (hours: number, ...cameras: string[]) => {
      detector.seen({ store: 'b', camera: null }, at(hours));
      for (const camera of cameras) detector.seen({ store: 'a', camera }, at(hours));
      return detector.tick(at(hours)).silent.map(({ store, camera }) => `${store} ${camera}`);
    };
    expect(tick(10)).toEqual(['a null']);
    detector.opened({ store: 'a', camera: null, since: at(9) });
    expect(tick(11)).toEqual([]);
    expect(tick(12, 'desk')).toEqual([]);
    detector.ended({ store: 'a', camera: null }, at(12));
    expect(tick(12.9, 'desk')).toEqual([]);
    expect(tick(13.1, 'desk')).toEqual(['a yard']);
  });

  it('reports no store while none sends, but all of them together', () => {
    const stores = Array.from({ length: 20 }, (_, n) => series(`s${n}`, 50, at(9)));
    const detector = open(stores);
    for (let hours = 9; hours < 18; hours += 0.01) expect(detector.tick(at(hours)).silent).toEqual([]);
    expect(detector.quiet.current()).toMatchObject({ from: at(9), significant: true });
    for (let hours = 18; hours < 19; hours += 0.01) {
      for (const { store } of stores.slice(hours < 18.2 ? 15 : 1)) detector.seen({ store, camera: null }, at(hours));
      expect(detector.tick(at(hours)).silent).toEqual([]);
    }
    expect(detector.quiet.current()).toBeUndefined();
    const next = at(24 + 12);
    for (const { store } of stores.slice(1)) detector.seen({ store, camera: null }, next);
    expect(detector.tick(next).silent).toMatchObject([{ store: 's0', since: at(9) }]);
  });

  it('finds nothing about a store that is known for less than seven days', () => {
    const young = { ...series('a', 500, at(9)), firstAt: at(9) - WEEK_MS + 3 * HOUR_MS };
    const detector = open([young, series('b', 500, at(9))]);
    detector.seen({ store: 'b', camera: null }, at(11.9));
    expect(detector.tick(at(11.9)).silent).toEqual([]);
    detector.seen({ store: 'b', camera: null }, at(12.5));
    expect(detector.tick(at(12.5)).silent).toMatchObject([{ store: 'a' }]);
  });
});

it('keeps its promise in twelve weeks of 10 simulated stores', () => {
  const { falseReports, silences } = replay({ stores: 10, seed: 7, tickMs: 300_000 });
  expect(falseReports.filter(({ count }) => count > 1)).toEqual([]);
  for (const { graceMs, delayMs } of silences) {
    expect(graceMs).toBeDefined();
    expect(delayMs).toBeLessThanOrEqual(300_000);
  }
});
