import { expect, it } from 'vitest';
import { faultSchedule, isOutage, kindsOn, type PlannedFault, type Target } from '../faults.ts';
import { seededRandom } from '../random.ts';

/** After this time, clients of the database give up. */
const CLIENT_TIMEOUT_MS = 10_000;

function firstFaults(seed: number, backend: 'redis' | 'postgres', count = 300, target?: Target): PlannedFault[] {
  const schedule = faultSchedule(seed, backend, target && { target });
  return Array.from({ length: count }, () => schedule.next().value);
}

it('schedules the same faults for the same seed, and others for another seed', () => {
  expect(firstFaults(7, 'redis')).toEqual(firstFaults(7, 'redis'));
  expect(firstFaults(7, 'redis')).not.toEqual(firstFaults(8, 'redis'));
  // The generator's known first numbers: a change would give every seed another schedule.
  const random = seededRandom(1);
  expect([random(), random()].map((x) => x.toFixed(6))).toEqual(['0.627074', '0.002736']);
});

it('schedules the same kinds of process faults later at a slower pace', () => {
  const slow = faultSchedule(7, 'redis', { pace: 3 });
  const [fast] = firstFaults(7, 'redis', 1);
  expect(slow.next().value).toEqual({ ...fast, delayMs: expect.closeTo((fast?.delayMs ?? 0) * 3, -1) });
});

it('schedules every kind of fault within its limits, and none of Redis on PostgreSQL', () => {
  const faults = firstFaults(1, 'redis', 1_000);
  expect(new Set(faults.map(({ kind }) => kind))).toEqual(new Set(kindsOn('redis', 'stack')));
  for (const { delayMs, kind, durationMs } of faults) {
    expect(delayMs).toBeGreaterThanOrEqual(500);
    expect(delayMs).toBeLessThanOrEqual(3_000);
    if (kind === 'pause worker') expect(durationMs).toBeGreaterThanOrEqual(5_000);
    if (kind === 'lock table') expect(durationMs).toBeGreaterThan(CLIENT_TIMEOUT_MS);
    expect(durationMs).toBeLessThanOrEqual(25_000);
  }
  // The second period of 30 s has process faults only.
  expect(faults.slice(20, 30).filter(({ kind }) => isOutage(kind))).toEqual([]);
  const kinds = firstFaults(1, 'postgres', 1_000).map(({ kind }) => kind);
  expect(kinds.filter((kind) => /redis|(freeze|half-open) queue$/.test(kind))).toEqual([]);
});

it('schedules every kind of fault of destinations, for each destination, independently of the faults of the stack', () => {
  const faults = firstFaults(1, 'postgres', 300, 'destinations');
  expect(new Set(faults.map(({ kind }) => kind))).toEqual(new Set(kindsOn('postgres', 'destinations')));
  expect(new Set(faults.map(({ destination }) => destination))).toEqual(new Set([0, 1, 2]));
  expect(Math.min(...faults.map(({ durationMs }) => durationMs))).toBeGreaterThanOrEqual(3_000);
  expect(kindsOn('postgres', 'stack')).not.toContain('stop receiver');
});
