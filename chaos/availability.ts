import { type Component, FAULTS } from './faults.ts';
import type { Observation } from './history.ts';

/** The faults of a run, and its time limits. */
type Faults = Pick<Observation, 'faults' | 'limits'>;

/** Returns whether the component was unavailable, or had been until shortly before, at any time between `from` and `to`. */
export function isUnavailable(component: Component, { faults, limits }: Faults, from: number, to: number): boolean {
  return faults.some(
    (fault) => FAULTS[fault.kind].component === component && fault.from <= to && fault.to + limits.resume >= from,
  );
}

/** Returns whether Redis was full, or had been until shortly before, at any time between `from` and `to`. */
export function isFull({ faults, limits }: Faults, from: number, to: number): boolean {
  const fills = faults.filter(({ kind }) => kind === 'fill redis');
  return isUnavailable('queue', { faults: fills, limits }, from, to);
}
