import { HOUR_MS, HOURS_OF_WEEK } from '../hour-of-week.ts';

/** Monday, 5 January 2026, 00:00 UTC: the first hour of a week. */
export const START = Date.UTC(2026, 0, 5);

export type SimulatedStore = {
  name: string;
  /** Expected alerts in each hour of the week. */
  rates: Float64Array;
  /** How often a camera sends an alert of the store; an empty list: alerts name no camera. */
  cameras: { name: string; share: number }[];
  /** Closed on the public holiday. */
  closesOnHoliday: boolean;
  /** Change of the rate per week. */
  trend: number;
  random: Random;
  dayFactor: number;
};

export type Random = {
  /** From 0 to 1. */
  uniform(): number;
  normal(): number;
  poisson(mean: number): number;
  gamma(shape: number): number;
};

/** Returns a reproducible source of random numbers (mulberry32). */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  const poisson = (mean: number): number => {
    if (mean > 50) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal()));
    const limit = Math.exp(-mean);
    let count = 0;
    for (let product = uniform(); product > limit; product *= uniform()) count += 1;
    return count;
  };
  /** Marsaglia and Tsang, for shapes from 1. */
  const gamma = (shape: number): number => {
    const d = shape - 1 / 3;
    for (;;) {
      const x = normal();
      const v = (1 + x / Math.sqrt(9 * d)) ** 3;
      if (v > 0 && Math.log(1 - uniform()) < x ** 2 / 2 + d - d * v + d * Math.log(v)) return d * v;
    }
  };
  return { uniform, normal, poisson, gamma };
}

/**
 * Returns stores of different kinds: a third sends 2 to 6 alerts a day, half of them 10 to 100, the others up to 500. Most are
 * closed at night, half of them on Sundays; a tenth never closes. Saturdays are stronger, and a day has two peaks.
 */
export function simulateStores(count: number, seed: number): SimulatedStore[] {
  return Array.from({ length: count }, (_, index) => {
    const random = createRandom(seed + index * 7_919);
    const kind = random.uniform();
    const perDay =
      kind < 0.3 ? 2 + 4 * random.uniform() : kind < 0.8 ? 10 * 10 ** random.uniform() : 100 * 5 ** random.uniform();
    const rates = weekOf(random, perDay);
    const shares = Array.from({ length: Math.floor(5 * random.uniform()) }, () => 0.3 + random.uniform());
    const total = shares.reduce((sum, share) => sum + share, 0);
    return {
      name: `store-${index}`,
      rates,
      cameras: shares.map((share, camera) => ({ name: `camera-${camera}`, share: share / total })),
      closesOnHoliday: random.uniform() < 0.8,
      trend: 0.04 * (random.uniform() - 0.5),
      random,
      dayFactor: 1,
    };
  });
}

function weekOf(random: Random, perDay: number): Float64Array {
  const alwaysOpen = random.uniform() < 0.1;
  const opens = alwaysOpen ? 0 : 6 + Math.floor(4 * random.uniform());
  const closes = alwaysOpen ? 24 : 18 + Math.floor(5 * random.uniform());
  const closedOnSunday = !alwaysOpen && random.uniform() < 0.5;
  const shape = Float64Array.from({ length: HOURS_OF_WEEK }, (_, slot) => {
    const [day, hour] = [Math.floor(slot / 24), slot % 24];
    if (hour < opens || hour >= closes || (day === 6 && closedOnSunday)) return 0;
    const peaks = 0.5 + Math.exp(-((hour - 12) ** 2) / 8) + Math.exp(-((hour - 18) ** 2) / 8);
    return peaks * (day === 5 ? 1.4 : day === 6 ? 0.6 : 1);
  });
  const sum = shape.reduce((total, each) => total + each, 0);
  return shape.map((each) => (each * perDay * 7) / sum);
}

export type SimulatedAlert = { store: number; camera: string | null; at: number };

/** Days since the start that are public holidays. */
const HOLIDAYS = new Set([53]);

/** Appends the alerts of one hour, Poisson arrivals. Each day of a store has a gamma factor with a deviation of 30 %. */
export function hourOfStore(store: SimulatedStore, index: number, hour: number, into: SimulatedAlert[]): void {
  const { random, rates, cameras } = store;
  const day = Math.floor(hour / 24);
  if (hour % 24 === 0) store.dayFactor = random.gamma(11) / 11;
  if (store.closesOnHoliday && HOLIDAYS.has(day)) return;
  const trend = (1 + store.trend) ** (hour / HOURS_OF_WEEK);
  const count = random.poisson((rates[hour % HOURS_OF_WEEK] ?? 0) * store.dayFactor * trend);
  for (let n = 0; n < count; n += 1) {
    const at = START + (hour + random.uniform()) * HOUR_MS;
    let rest = random.uniform();
    const camera = cameras.find(({ share }) => {
      rest -= share;
      return rest < 0;
    });
    into.push({ store: index, camera: (camera ?? cameras[0])?.name ?? null, at });
  }
}
