import { type Component, FAULTS } from './faults.ts';
import type { InjectedFault } from './history.ts';
import { RESUME_MS } from './recovery.ts';

/** Returns whether the component was unavailable, or had been until shortly before, at any time between `from` and `to`. */
export function isUnavailable(component: Component, faults: InjectedFault[], from: number, to: number): boolean {
  return faults.some(
    (fault) => FAULTS[fault.kind].component === component && fault.from <= to && fault.to + RESUME_MS >= from,
  );
}

/** Returns whether Redis was full, or had been until shortly before, at any time between `from` and `to`. */
export function isFull(faults: InjectedFault[], from: number, to: number): boolean {
  return isUnavailable(
    'queue',
    faults.filter(({ kind }) => kind === 'fill redis'),
    from,
    to,
  );
}
