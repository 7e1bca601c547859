/**
 * Returns the percentile at `rank` (0 to 1) by the nearest-rank method, which always returns one of the values. NaN if
 * there are none.
 */
export function percentile(values: readonly number[], rank: number): number {
  if (values.length === 0) return Number.NaN;
  const sorted = Float64Array.from(values).sort();
  const index = Math.ceil(rank * sorted.length) - 1;
  return sorted[Math.min(Math.max(index, 0), sorted.length - 1)] ?? Number.NaN;
}

/** Returns the median; of an even number of values the lower middle one, which was measured. NaN if there are none. */
export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}
