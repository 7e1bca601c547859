import type { InjectedFault, Notification, Observation } from './history.ts';

/** Returns each repeated notification of a store, together with the one before it. */
export function repeatedNotifications({
  notifications,
}: Pick<Observation, 'notifications'>): [earlier: Notification, later: Notification][] {
  const byStore = Map.groupBy(notifications, ({ store }) => store);
  return [...byStore.values()].flatMap((ofStore) =>
    ofStore.slice(1).flatMap((later, index): [Notification, Notification][] => {
      const earlier = ofStore[index];
      return earlier ? [[earlier, later]] : [];
    }),
  );
}

/**
 * Returns a sentence for each duplicate notification that no fault explains. A duplicate is explained if, between the
 * first notification and its mark in the row, its worker was killed, paused or blocked, or the worker of the second
 * notification was paused or blocked before it printed, or the database was unavailable and the mark could not be written.
 */
export function unexplainedDuplicates(
  observation: Pick<Observation, 'notifications' | 'faults' | 'sent' | 'changes' | 'limits'>,
  databaseUnavailable: (from: number, to: number) => boolean,
): string[] {
  const uuids = new Map(observation.sent.map(({ store, uuid }) => [store, uuid]));
  const markedAt = new Map(
    observation.changes
      .toReversed()
      .filter(({ notifiedAt }) => notifiedAt !== null)
      .map(({ uuid, at }) => [uuid, at]),
  );
  return repeatedNotifications(observation)
    .filter(([earlier, later]) => {
      const marked = markedAt.get(uuids.get(earlier.store) ?? '') ?? later.at;
      const [from, to] = [earlier.at - observation.limits.readDelay, Math.min(later.at, marked)];
      const explained = observation.faults.some((fault) => explainsDuplicate(fault, earlier, later, from, to));
      return !explained && !databaseUnavailable(from, to);
    })
    .map(
      ([earlier, later]) => `${later.store}: by ${earlier.by}, and ${later.at - earlier.at} ms later by ${later.by}`,
    );
}

function explainsDuplicate(
  fault: InjectedFault,
  earlier: Notification,
  later: Notification,
  from: number,
  to: number,
): boolean {
  const delays = fault.kind === 'pause worker' || fault.kind === 'block notifier';
  const hitsEarlier = fault.process === earlier.by && (fault.kind === 'kill worker' || delays);
  const hitsLater = fault.process === later.by && delays;
  return (hitsEarlier || hitsLater) && fault.from <= to && fault.to >= from;
}
