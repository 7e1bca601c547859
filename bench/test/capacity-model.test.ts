import { expect, it } from 'vitest';
import { CONFIGURATIONS, type Costs, efficiencyOf, measurable, predict } from '../capacity/model.ts';

/** Milliseconds of processor time per alert. */
const COSTS: Costs = { api: 0.2, worker: 0.5, postgres: 0.25, redis: 0.1, rest: 0.2 };
const GIB = 1024 ** 3;

it.each([
  // 2 cores have 2,000 ms per second; an alert costs 1.25 ms.
  [{ apis: 1, workers: 1 }, 2, 'machine', 1_600],
  [{ apis: 2, workers: 4 }, 2, 'machine', 1_600],
  // With more cores, one worker uses one of them: 1,000 / 0.5.
  [{ apis: 1, workers: 1 }, 16, 'worker', 2_000],
  [{ apis: 1, workers: 2 }, 16, 'worker', 4_000],
  // Four workers could do 8,000, one api 5,000.
  [{ apis: 1, workers: 4 }, 16, 'api', 5_000],
  [{ apis: 2, workers: 4 }, 16, 'worker', 8_000],
  [{ apis: 8, workers: 8 }, 64, 'redis', 10_000],
] as const)('predicts for %j on %i cores that the limit is %s', (configuration, cores, limit, perSecond) => {
  const prediction = predict(COSTS, configuration, cores);
  expect(prediction).toMatchObject({ ...configuration, cores, limit });
  expect(prediction.perSecond).toBeCloseTo(perSecond, 6);
});

it('has no limit by Redis if the queue is on PostgreSQL', () => {
  const costs = { ...COSTS, redis: 0, postgres: 2 };
  expect(predict(costs, { apis: 64, workers: 64 }, 64).limit).toBe('machine');
});

it('scales a prediction by the measured efficiency, which is never above 1', () => {
  const one = { apis: 1, workers: 1 };
  const efficiency = efficiencyOf(COSTS, one, 2, 1_200);
  expect(efficiency).toBeCloseTo(0.75, 9);
  expect(predict(COSTS, one, 2, efficiency).perSecond).toBeCloseTo(1_200, 6);
  expect(predict(COSTS, one, 16, efficiency).perSecond).toBeCloseTo(1_500, 6);
  expect(efficiencyOf(COSTS, one, 2, 1_700)).toBe(1);
});

it('never predicts less for more processes or more cores', () => {
  for (const { apis, workers } of CONFIGURATIONS) {
    const base = predict(COSTS, { apis, workers }, 4).perSecond;
    expect(predict(COSTS, { apis: apis + 1, workers }, 4).perSecond).toBeGreaterThanOrEqual(base);
    expect(predict(COSTS, { apis, workers: workers + 1 }, 4).perSecond).toBeGreaterThanOrEqual(base);
    expect(predict(COSTS, { apis, workers }, 5).perSecond).toBeGreaterThanOrEqual(base);
  }
});

it('predicts 1, 2 and 4 workers with 1 and 2 apis, and measures those that fit on the machine', () => {
  expect(CONFIGURATIONS).toHaveLength(6);
  const fits = (cores: number, bytes: number) =>
    measurable(cores, bytes).map(({ apis, workers }) => `${apis}x${workers}`);
  expect(fits(1, 8 * GIB)).toEqual(['1x1']);
  expect(fits(2, 8 * GIB)).toEqual(['1x1', '1x2', '2x1', '2x2']);
  expect(fits(4, 8 * GIB)).toEqual(['1x1', '1x2', '1x4', '2x1', '2x2', '2x4']);
  expect(fits(4, 1 * GIB)).toEqual(['1x1']);
});
