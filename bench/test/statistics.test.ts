import { expect, it } from 'vitest';
import { medianOf } from '../bench.ts';
import { median, percentile } from '../statistics.ts';

const HUNDRED = Array.from({ length: 100 }, (_, index) => 100 - index);

it.each([
  [0.5, 50],
  [0.95, 95],
  [0.99, 99],
  [0.991, 100],
  [1, 100],
  [0, 1],
])('returns the %d percentile of 1 to 100, in any order: %d', (rank, value) => {
  expect(percentile(HUNDRED, rank)).toBe(value);
});

it('does not modify the values, and sorts them as numbers', () => {
  const values = [9, 100, 20];
  expect(percentile(values, 1)).toBe(100);
  expect(values).toEqual([9, 100, 20]);
});

it('returns NaN if there are no values', () => {
  expect(percentile([], 0.5)).toBeNaN();
});

it('returns a median that is one of the values', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 3, 2])).toBe(2);
});

it('returns the median of each figure separately, at any depth', () => {
  const run = (rate: number, p50: number) => ({ title: 'x', rate, post: { p50 }, none: null });
  expect(medianOf([run(1, 30), run(2, 10), run(3, 20)])).toEqual(run(2, 20));
});
