import { describe, expect, it } from 'vitest';
import { MAX_ATTEMPTS, retryDelayMs } from '../retry-schedule.ts';

const longest = () => 0;
const shortest = () => 1;
const HOUR = 3_600_000;

describe('the delay before the next attempt', () => {
  it('is 5 s, 5 min, 30 min, 2, 5, 10, 14, 20 and 24 h; the tenth attempt is the last', () => {
    const delays = Array.from({ length: 11 }, (_, index) => retryDelayMs(index + 1, undefined, longest));
    const hours = [2, 5, 10, 14, 20, 24].map((each) => each * HOUR);
    expect(delays).toEqual([5_000, 300_000, 1_800_000, ...hours, undefined, undefined]);
    expect(MAX_ATTEMPTS).toBe(10);
  });

  it('is up to a fifth shorter at random', () => {
    expect(retryDelayMs(1, undefined, shortest)).toBe(4_000);
    const samples = Array.from({ length: 50 }, () => retryDelayMs(2) ?? 0);
    expect(new Set(samples).size).toBeGreaterThan(1);
    expect(samples.every((ms) => ms >= 240_000 && ms <= 300_000)).toBe(true);
  });

  it('is at least what the receiver requested, up to one hour', () => {
    expect(retryDelayMs(1, 90_000, longest)).toBe(90_000);
    expect(retryDelayMs(2, 90_000, longest)).toBe(300_000);
    expect(retryDelayMs(1, 24 * HOUR, longest)).toBe(HOUR);
    expect(retryDelayMs(1, -5, longest)).toBe(5_000);
    expect(retryDelayMs(10, 90_000, longest)).toBeUndefined();
  });
});
