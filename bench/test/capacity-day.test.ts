import { expect, it } from 'vitest';
import { renderChart } from '../capacity/chart.ts';
import { type DayAlert, planDay } from '../capacity/day.ts';
import { hoursOf } from '../capacity/simulate.ts';

const OPTIONS = { stores: 10_000, alerts: 20_000, seconds: 240, seed: 1 };

it('plans the same day for the same seed, and another one for another seed', () => {
  expect(planDay(OPTIONS)).toEqual(planDay(OPTIONS));
  expect(planDay({ ...OPTIONS, seed: 2 })).not.toEqual(planDay(OPTIONS));
});

it('plans the requested alerts in order, within the day', () => {
  const day = planDay(OPTIONS);
  expect(day).toHaveLength(20_000);
  expect(day.every(({ dueMs }, index) => dueMs >= (day[index - 1]?.dueMs ?? 0))).toBe(true);
  expect(day.at(-1)?.dueMs).toBeLessThan(240_000);
  for (const { dueMs, hour } of day) expect(Math.floor(dueMs / 10_000)).toBe(hour);
});

it('has quiet nights, busy evenings, bursts of single stores, and about 1 % failing cameras', () => {
  const day = planDay(OPTIONS);
  const inHour = (hour: number) => day.filter((alert) => alert.hour === hour && !alert.burst).length;
  expect(inHour(18)).toBeGreaterThan(inHour(3) * 5);
  const bursts = day.filter(({ burst }) => burst);
  expect(bursts.length).toBeGreaterThan(1_900);
  expect(new Set(bursts.map(({ store }) => store)).size).toBeLessThanOrEqual(12);
  const cameras = new Map(day.map(({ store, camera }) => [store, camera]));
  for (const { store, camera } of day) expect(camera).toBe(cameras.get(store));
  const failing = [...cameras.values()].filter((camera) => camera !== 'working').length / cameras.size;
  expect(failing).toBeGreaterThan(0.005);
  expect(failing).toBeLessThan(0.015);
  expect([...cameras.values()]).toEqual(expect.arrayContaining(['missing', 'broken']));
});

it('compares the waits of stores in a burst with those of others, without failing cameras', () => {
  const alert = (store: number, rest: Partial<DayAlert> = {}): DayAlert => ({
    ...{ dueMs: 0, hour: 5, store, camera: 'working', burst: false },
    ...rest,
  });
  const day = [alert(1), alert(2), alert(3, { burst: true }), alert(4, { camera: 'missing' }), alert(1, { hour: 6 })];
  const hours = hoursOf(day, [10, 30, 40, 10_000, 7], []);
  expect(hours[5]).toMatchObject({ alerts: 4, p50Ms: 10, p95Ms: 30, burstP50Ms: 40 });
  expect(hours[6]).toMatchObject({ alerts: 1, p50Ms: 7, burstP50Ms: null });
  expect(hours[7]).toMatchObject({ alerts: 0, p50Ms: null });
});

it('draws each hour, interrupts a line where there is no figure, and has colours for dark pages', () => {
  const day = [5, 6, 8].map((hour): DayAlert => ({ dueMs: 0, hour, store: 1, camera: 'working', burst: false }));
  const svg = renderChart({
    ...{ stores: 10, alerts: 3, seconds: 24, seed: 1, failing: 0, wrong: 0, missing: 0, refused: 0 },
    hours: hoursOf(day, [10, 20, 30], []),
  });
  expect(svg).toContain('prefers-color-scheme: dark');
  expect(svg).not.toMatch(/NaN|undefined|Infinity|<script|href/);
  const [, p95 = ''] = [...svg.matchAll(/<path class="[abc]" d="([^"]*)"/g)].map(([, path = '']) => path);
  expect(p95.match(/M/g)).toHaveLength(2);
  expect(p95.match(/L/g)).toHaveLength(1);
});
