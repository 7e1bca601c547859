import { FAULTS } from './faults.ts';
import type { Change, Observation } from './history.ts';

/** The default of MAX_CRASHES. */
const CRASH_LIMIT = 5;

/**
 * Returns how many attempts at the alert ended because their worker was killed or frozen: claims that no release follows,
 * and whose worker was hit, or ended, before the next claim.
 */
export function countCrashes(ofAlert: Change[], { faults, exits }: Pick<Observation, 'faults' | 'exits'>): number {
  return ofAlert.filter((claim, index) => {
    const next = ofAlert[index + 1];
    if (claim.status !== 'processing' || next?.status !== 'processing') return false;
    const wasHit = faults.some(
      ({ kind, process, from, to }) =>
        FAULTS[kind].component === 'worker' && process === claim.by && from <= next.at && to >= claim.at,
    );
    return wasHit || exits.some(({ process, at }) => process === claim.by && at >= claim.at && at <= next.at);
  }).length;
}

/** Returns whether the alert's worker crashed so often that `worker_crashed` is a correct result. */
export function mayEndAsCrashed(ofAlert: Change[], observation: Pick<Observation, 'faults' | 'exits'>): boolean {
  return countCrashes(ofAlert, observation) >= CRASH_LIMIT;
}

/** Returns a sentence for each alert that ended as `worker_crashed` although its workers did not crash that often. */
export function unjustifiedCrashes(observation: Observation, changes: Map<string, Change[]>): string[] {
  const poison = new Set(
    observation.sent.flatMap(({ uuid, expected }) =>
      'failure' in expected && expected.failure === 'worker_crashed' ? [uuid] : [],
    ),
  );
  return observation.rows
    .filter(({ uuid, failureCode }) => failureCode === 'worker_crashed' && !poison.has(uuid))
    .filter(({ uuid }) => !mayEndAsCrashed(changes.get(uuid) ?? [], observation))
    .map(
      ({ uuid }) =>
        `${uuid} ended as worker_crashed after ${countCrashes(changes.get(uuid) ?? [], observation)} crashes`,
    );
}

/** Returns a sentence for each attempt whose result was marked as notified more than once. */
export function repeatedMarks(changes: Map<string, Change[]>): string[] {
  return [...changes].flatMap(([uuid, ofAlert]) => {
    const marks = ofAlert.filter(
      ({ notifiedAt }, index) => notifiedAt !== null && notifiedAt !== ofAlert[index - 1]?.notifiedAt,
    );
    const byAttempt = Map.groupBy(marks, ({ attempts }) => attempts);
    return [...byAttempt].flatMap(([attempt, all]) =>
      all.length > 1 ? [`attempt ${attempt} of ${uuid} was marked as notified ${all.length} times`] : [],
    );
  });
}

/**
 * Returns the milliseconds from the end of the last fault, or from the last accepted alert if that was later, until the
 * last alert was marked as notified.
 */
export function timeToFinish({ faults, responses, changes }: Observation): number {
  const lastFault = Math.max(0, ...faults.map(({ to }) => to));
  const lastAccepted = responses.reduce((latest, { status, to }) => (status < 300 ? Math.max(latest, to) : latest), 0);
  const lastMark = changes.reduce(
    (latest, { notifiedAt, at }) => (notifiedAt === null ? latest : Math.max(latest, at)),
    0,
  );
  return Math.max(0, lastMark - Math.max(lastFault, lastAccepted));
}
