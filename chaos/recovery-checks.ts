import { FAULTS, type FaultKind, isOutage, losesJobs } from './faults.ts';
import type { Observation } from './history.ts';
import { type Recovery, recoveries } from './recovery.ts';

/** Returns a sentence for each recovery that took longer than its limit plus the time that other faults explain. */
export function slowRecoveries(observation: Observation): string[] {
  return recoveries(observation)
    .map((recovery) => ({
      ...recovery,
      limitMs:
        observation.limits.recover + outageAllowance(observation, recovery) + successorAllowance(observation, recovery),
    }))
    .filter(({ durationMs, limitMs }) => durationMs > limitMs)
    .map(
      ({ uuid, killed, durationMs, limitMs }) =>
        `${uuid}, claimed by ${killed}, waited ${durationMs} ms (limit ${limitMs} ms)`,
    );
}

/** Returns the recoveries that no outage prolonged. */
export function undisturbedRecoveries(observation: Observation): Recovery[] {
  return recoveries(observation).filter((recovery) => outageAllowance(observation, recovery) === 0);
}

/**
 * Returns the milliseconds by which outages may prolong a recovery: for each outage its duration plus the time within
 * which work resumes; for each loss of jobs since the alert was received, the reconciler's limit.
 */
function outageAllowance({ faults, limits }: Observation, { receivedAt, at, durationMs }: Recovery): number {
  const startOf = (kind: FaultKind) => (losesJobs(kind) ? receivedAt : at);
  return faults
    .filter(({ kind, from, to }) => isOutage(kind) && from <= at + durationMs && to >= startOf(kind))
    .reduce(
      (sum, { kind, from, to }) => sum + (to - from) + (losesJobs(kind) ? limits.rebuildQueue : limits.resume),
      0,
    );
}

/** Returns the milliseconds by which faults on the other worker may prolong a recovery: until it runs again. */
function successorAllowance({ faults, limits }: Observation, { killed, at, durationMs }: Recovery): number {
  return faults
    .filter(
      ({ kind, process, from, to }) =>
        FAULTS[kind].component === 'worker' && process !== killed && from <= at + durationMs && to >= at,
    )
    .reduce((sum, { from, to }) => sum + to - from + limits.startWorker, 0);
}
