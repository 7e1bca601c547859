import { seededRandom } from '#chaos/random.ts';

// The alerts of a simulated day: a pure function of its options, so that a run can be repeated.

export const HOURS = 24;
/** Relative number of alerts in each hour: quiet nights, a peak at noon and a higher one in the evening. */
const HOUR_WEIGHTS = [1, 1, 1, 1, 1, 2, 4, 6, 8, 9, 10, 12, 13, 11, 10, 10, 11, 13, 15, 14, 10, 6, 3, 2];
const FAILING_SHARE = 0.01;
const BURSTS = 12;
/** Part of all alerts that the bursts have together. */
const BURST_SHARE = 0.1;
const MINUTES_PER_DAY = 1440;

/** `missing`: the video does not exist; `broken`: it is no video. */
export type Camera = 'working' | 'missing' | 'broken';

export type DayOptions = { stores: number; alerts: number; seconds: number; seed: number };

export type DayAlert = {
  /** Milliseconds after the start of the simulation. */
  dueMs: number;
  /** 0 to 23. */
  hour: number;
  store: number;
  camera: Camera;
  /** Part of a burst of its store. */
  burst: boolean;
};

/** Returns the alerts of a day in the order of their times. The day takes `seconds`. */
export function planDay({ stores, alerts, seconds, seed }: DayOptions): DayAlert[] {
  const random = seededRandom(seed);
  const cameras = Array.from({ length: stores }, () => cameraOf(random()));
  const dayMs = seconds * 1000;
  const alertAt = (day: number, store: number, burst: boolean): DayAlert => {
    const within = Math.min(day, 1 - Number.EPSILON);
    const camera = cameras[store] ?? 'working';
    return { dueMs: within * dayMs, hour: Math.floor(within * HOURS), store, camera, burst };
  };
  const perBurst = Math.floor((alerts * BURST_SHARE) / BURSTS);
  const planned = Array.from({ length: alerts - perBurst * BURSTS }, () =>
    alertAt(timeOfDay(random), Math.floor(random() * stores), false),
  );
  for (let burst = 0; burst < BURSTS; burst += 1) {
    const [start, store] = [timeOfDay(random), Math.floor(random() * stores)];
    for (let index = 0; index < perBurst; index += 1) {
      planned.push(alertAt(start + random() / MINUTES_PER_DAY, store, true));
    }
  }
  return planned.sort((a, b) => a.dueMs - b.dueMs);
}

function cameraOf(draw: number): Camera {
  if (draw >= FAILING_SHARE) return 'working';
  return draw < FAILING_SHARE / 2 ? 'missing' : 'broken';
}

/** Returns a time as a fraction of the day, more often in busy hours. */
function timeOfDay(random: () => number): number {
  let left = random() * HOUR_WEIGHTS.reduce((sum, weight) => sum + weight, 0);
  const hour = HOUR_WEIGHTS.findIndex((weight) => {
    left -= weight;
    return left < 0;
  });
  return ((hour < 0 ? HOURS - 1 : hour) + random()) / HOURS;
}
