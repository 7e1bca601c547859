import { describe, expect, it } from 'vitest';
import { attemptLimitMs, limitText, nextStep, type RetryLimits } from '../retry-policy.ts';

const HOUR = 3_600_000;
const LIMITS: RetryLimits = {
  horizonMs: 24 * HOUR,
  maxAttempts: undefined,
  byteBudget: 1_000,
  attemptTimeoutMs: 65_000,
  shortTimeoutMs: 10_000,
};
const FIRST = { attempts: 1, attemptsBefore: 0, crashes: 0, roundAgeMs: 0, roundBytes: 0, busyMs: 0 };
const CHEAP = { ms: 10, bytesFetched: 100 };

/** Returns the times of all attempts at an alert whose video server always fails at once. */
function attemptTimes(limits: RetryLimits, firstAt = 0): { times: number[]; why: string } {
  const times = [firstAt];
  for (let attempts = 1; ; attempts += 1) {
    const next = nextStep({ ...FIRST, attempts, roundAgeMs: times.at(-1) ?? 0 }, { ms: 0, bytesFetched: 0 }, limits);
    if (next.kind === 'end') return { times, why: next.why };
    times.push((times.at(-1) ?? 0) + next.delayMs);
  }
}

describe('the horizon', () => {
  it('retries a failing server for 24 hours, at most ten minutes apart, and a last time at its end', () => {
    const { times, why } = attemptTimes(LIMITS);
    expect(why).toBe('horizon');
    expect(times.at(-1)).toBeGreaterThan(24 * HOUR - 1_000);
    expect(times.at(-1)).toBeLessThanOrEqual(24 * HOUR);
    const delays = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    expect(Math.max(...delays)).toBeLessThanOrEqual(600_000);
    expect(times.length).toBeGreaterThan(144);
    expect(times.length).toBeLessThan(220);
  });

  it('ends a short horizon with an attempt at its end, also after a longer Retry-After', () => {
    const { times } = attemptTimes({ ...LIMITS, horizonMs: 90_000 });
    expect(times.at(-1)).toBeGreaterThan(89_000);
    expect(times.at(-1)).toBeLessThanOrEqual(90_000);
    const late = { ...FIRST, attempts: 7, roundAgeMs: 80_000 };
    expect(nextStep(late, CHEAP, { ...LIMITS, horizonMs: 90_000 }, HOUR)).toEqual({ kind: 'retry', delayMs: 9_990 });
  });

  it('gives an alert whose first attempt came after it attempts for another minute', () => {
    const { times } = attemptTimes(LIMITS, 25 * HOUR);
    const lasted = (times.at(-1) ?? 0) - 25 * HOUR;
    expect(lasted).toBeGreaterThan(20_000);
    expect(lasted).toBeLessThan(120_000);
  });

  it('does not count attempts before an operator retried, nor those whose worker vanished', () => {
    const next = nextStep({ ...FIRST, attempts: 30, attemptsBefore: 20, crashes: 9 }, CHEAP, LIMITS);
    expect(next).toMatchObject({ kind: 'retry' });
    expect(next.kind === 'retry' && next.delayMs).toBeLessThanOrEqual(1_000);
  });
});

describe('other limits of a round', () => {
  it('ends at the number of attempts if there is one', () => {
    const limits = { ...LIMITS, maxAttempts: 3 };
    expect(nextStep({ ...FIRST, attempts: 2 }, CHEAP, limits)).toMatchObject({ kind: 'retry' });
    expect(nextStep({ ...FIRST, attempts: 3 }, CHEAP, limits)).toEqual({ kind: 'end', why: 'attempts' });
  });

  it('ends before its attempts could fetch more than four byte budgets', () => {
    const spent = (roundBytes: number) => nextStep({ ...FIRST, roundBytes }, { ms: 10, bytesFetched: 1_000 }, LIMITS);
    expect(spent(2_000)).toMatchObject({ kind: 'retry' });
    expect(spent(2_001)).toEqual({ kind: 'end', why: 'bytes' });
  });

  it('shortens the attempts after the first ones took three whole timeouts', () => {
    const limit = (busyMs: number) => attemptLimitMs({ ...FIRST, busyMs }, LIMITS);
    expect([0, 65_000, 130_000].map(limit)).toEqual([65_000, 65_000, 65_000]);
    expect(limit(165_000)).toBe(30_000);
    expect([195_000, 900_000].map(limit)).toEqual([10_000, 10_000]);
  });
});

it('names the limit that was reached', () => {
  const limits = { ...LIMITS, maxAttempts: 12 };
  expect((['horizon', 'attempts', 'bytes'] as const).map((why) => limitText(why, limits))).toEqual([
    'for 24 h',
    'in 12 attempts',
    'within the 4000 bytes of all attempts',
  ]);
  expect(limitText('horizon', { ...LIMITS, horizonMs: 90_000 })).toBe('for 90 s');
  expect(limitText('horizon', { ...LIMITS, horizonMs: 300_000 })).toBe('for 5 min');
});
