import { isUnavailable } from './availability.ts';
import type { FaultKind } from './faults.ts';
import type { DeliveryChange, InjectedFault, Observation, ReceivedRequest } from './history.ts';

/** A request that followed another one of the same delivery, although that one had been accepted. */
export type Repeat = { earlier: ReceivedRequest; later: ReceivedRequest };

/** Returns every request that the receiver got after it had accepted the delivery. */
export function repeatedDeliveries({ received }: Pick<Observation, 'received'>): Repeat[] {
  const byId = Map.groupBy(received, ({ id }) => id);
  return [...byId.values()].flatMap((requests) =>
    requests.slice(1).flatMap((later, index) => {
      const earlier = requests.slice(0, index + 1).findLast(isAccepted);
      return earlier ? [{ earlier, later }] : [];
    }),
  );
}

/** Returns whether the receiver accepted the request and said so: the status of a response is the result. */
export function isAccepted({ status, respondedAt }: ReceivedRequest): boolean {
  return status === 200 && respondedAt !== undefined;
}

/**
 * Returns a sentence for each repeated request that no fault explains. It is explained if, between the first response and
 * its record, its worker was killed or frozen, the connection was cut, or the database was unavailable; or if a worker was
 * frozen between its claim and the later request. Blocked output freezes a worker too.
 */
export function unexplainedRepeats(observation: Observation): string[] {
  const changes = Map.groupBy(observation.deliveryChanges, ({ id }) => id);
  return repeatedDeliveries(observation)
    .filter((repeat) => !isExplained(repeat, changes.get(repeat.earlier.id) ?? [], observation))
    .map(
      ({ earlier, later }) =>
        `${earlier.destination} accepted ${earlier.id}, and received it again ${later.at - earlier.at} ms later`,
    );
}

const CUTS_CONNECTIONS: FaultKind[] = ['stop receiver', 'stall receiver', 'cut receiver'];
// A worker whose output is blocked waits in its next log line.
const FREEZES_WORKER: FaultKind[] = ['pause worker', 'block notifier'];

function isExplained(
  { earlier, later }: Repeat,
  changes: DeliveryChange[],
  { faults, limits }: Pick<Observation, 'faults' | 'limits'>,
): boolean {
  const recordedAt = changes.find(({ status }) => status === 'delivered')?.at ?? later.at;
  const responded = earlier.respondedAt ?? earlier.at;
  const [from, to] = [responded - limits.readDelay, Math.min(later.at, recordedAt)];
  const claims = changes.filter(({ isClaim, at }) => isClaim && at <= later.at);
  const explains = (fault: InjectedFault) => {
    const hits = (since: number, until: number) => fault.from <= until && fault.to >= since;
    if (CUTS_CONNECTIONS.includes(fault.kind)) {
      return fault.process === earlier.destination && hits(from, responded + limits.readDelay);
    }
    const ofWorker = claims.filter(({ by }) => by === fault.process);
    if (fault.kind === 'kill worker') return ofWorker.length > 0 && hits(from, to);
    return FREEZES_WORKER.includes(fault.kind) && ofWorker.some(({ at }) => hits(at, later.at));
  };
  return isUnavailable('database', { faults, limits }, from, to) || faults.some(explains);
}

/** Returns the milliseconds from the record of each delivery to the receiver's response, for those that needed one attempt. */
export function firstAttemptDurations({ deliveryChanges, received }: Observation): number[] {
  const requests = Map.groupBy(received, ({ id }) => id);
  return [...Map.groupBy(deliveryChanges, ({ id }) => id)].flatMap(([id, changes]) => {
    const respondedAt = requests.get(id)?.[0]?.respondedAt;
    const isFirst = changes.filter(({ isClaim }) => isClaim).length === 1;
    return isFirst && respondedAt !== undefined ? [Math.max(0, respondedAt - (changes[0]?.at ?? 0))] : [];
  });
}
