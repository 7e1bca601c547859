/**
 * The value below or at which the share `rank` (0 to 1) of the values lies, by the nearest rank: always one of the
 * values. NaN of none.
 */
export function percentile(values: readonly number[], rank: number): number {
  if (values.length === 0) return Number.NaN;
  const sorted = Float64Array.from(values).sort();
  const index = Math.ceil(rank * sorted.length) - 1;
  return sorted[Math.min(Math.max(index, 0), sorted.length - 1)] ?? Number.NaN;
}

/** The middle value; of an even number the lower of the two in the middle, so that it was measured. NaN of none. */
export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}
