import { FAULTS, type FaultKind, isOutage, losesJobs } from './faults.ts';
import type { Observation } from './history.ts';
import { RESUME_MS, type Recovery, recoveries } from './recovery.ts';

const RECOVERY_LIMIT_MS = 20_000;
/** The reconciler's own limit for rebuilding a flushed queue. */
const FLUSH_RECOVERY_MS = 60_000;
/** A worker's start on two busy cores, and its first check for jobs of vanished workers. */
const WORKER_START_MS = 5_000;

/** Returns a sentence for each recovery that took over 20 s plus the time that other faults explain. */
export function slowRecoveries(observation: Observation): string[] {
  return recoveries(observation)
    .map((recovery) => ({
      ...recovery,
      limitMs: RECOVERY_LIMIT_MS + outageAllowance(observation, recovery) + successorAllowance(observation, recovery),
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
function outageAllowance({ faults }: Observation, { receivedAt, at, durationMs }: Recovery): number {
  const startOf = (kind: FaultKind) => (losesJobs(kind) ? receivedAt : at);
  return faults
    .filter(({ kind, from, to }) => isOutage(kind) && from <= at + durationMs && to >= startOf(kind))
    .reduce((sum, { kind, from, to }) => sum + (to - from) + (losesJobs(kind) ? FLUSH_RECOVERY_MS : RESUME_MS), 0);
}

/** Returns the milliseconds by which faults on the other worker may prolong a recovery: until it runs again. */
function successorAllowance({ faults }: Observation, { killed, at, durationMs }: Recovery): number {
  return faults
    .filter(
      ({ kind, process, from, to }) =>
        FAULTS[kind].component === 'worker' && process !== killed && from <= at + durationMs && to >= at,
    )
    .reduce((sum, { from, to }) => sum + to - from + WORKER_START_MS, 0);
}
