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
])('the %d of 1 to 100, in any order, is %d', (rank, value) => {
  expect(percentile(HUNDRED, rank)).toBe(value);
});

it('leaves the values as they were, and sorts them as numbers', () => {
  const values = [9, 100, 20];
  expect(percentile(values, 1)).toBe(100);
  expect(values).toEqual([9, 100, 20]);
});

it('has no percentile of nothing', () => {
  expect(percentile([], 0.5)).toBeNaN();
});

it('takes a median that was measured', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 3, 2])).toBe(2);
});

it('takes the median of each figure by itself, however deep it lies', () => {
  const run = (rate: number, p50: number) => ({ title: 'x', rate, post: { p50 }, none: null });
  expect(medianOf([run(1, 30), run(2, 10), run(3, 20)])).toEqual(run(2, 20));
});
