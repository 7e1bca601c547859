import type { DeliveryRecord, DestinationFilter, Observation, Row } from './history.ts';
import { isAccepted, unexplainedRepeats } from './repeated-deliveries.ts';

type Invariant = (observation: Observation) => string[];

/** The invariants of destinations: each returns a sentence for each violation. */
export const DELIVERY_INVARIANTS: Record<string, Invariant> = {
  'every matching alert has one delivery per destination and event': (observation) => {
    const counts = countByKey(observation.deliveries);
    return expectedDeliveries(observation)
      .filter((key) => counts.get(key) !== 1)
      .map((key) => `${key}: ${counts.get(key) ?? 0} deliveries`);
  },
  'no delivery is recorded for anything else': (observation) => {
    const expected = new Set(expectedDeliveries(observation));
    return [...countByKey(observation.deliveries).keys()].filter((key) => !expected.has(key));
  },
  'every delivery is delivered': ({ deliveries }) =>
    deliveries.filter(({ status }) => status !== 'delivered').map((each) => `${labelOf(each)} is ${each.status}`),
  'every delivered delivery was received': ({ deliveries, received }) => {
    const accepted = new Set(received.filter(isAccepted).map((each) => `${each.id} ${keyOf(each)}`));
    return deliveries
      .filter((each) => each.status === 'delivered' && !accepted.has(`${each.id} ${keyOf(each)}`))
      .map((each) => `${labelOf(each)} was not received`);
  },
  'every request has a valid signature': ({ received }) =>
    received
      .filter(({ isSigned }) => !isSigned)
      .map(({ destination, id }) => `${destination} received ${id} without a valid signature`),
  'the id of a delivery and its body, except the picture, never change': unstableDeliveries,
  'nothing is sent to a disabled destination': sentWhileDisabled,
  'no delivery is sent twice without a fault before its record': unexplainedRepeats,
  'every alert that stays unfinished is late': missedLateness,
};

function expectedDeliveries({ destinations, rows, sent, late }: Observation): string[] {
  const stores = new Map(sent.map(({ uuid, store }) => [uuid, store]));
  const lateAlerts = new Set(late);
  const events = rows.flatMap((row) => eventsOf(row, lateAlerts));
  return destinations.flatMap((destination) =>
    events
      .filter(({ uuid, event }) => matches(destination, stores.get(uuid) ?? '', event))
      .map(({ uuid, event }) => keyOf({ destination: destination.name, uuid, event })),
  );
}

function eventsOf({ uuid, status }: Row, late: Set<string>): { uuid: string; event: string }[] {
  const final = status === 'processed' || status === 'failed' ? [{ uuid, event: `alert.${status}` }] : [];
  return late.has(uuid) ? [...final, { uuid, event: 'alert.late' }] : final;
}

function matches({ stores, events }: DestinationFilter, store: string, event: string): boolean {
  return (stores.length === 0 || stores.includes(store)) && (events.length === 0 || events.includes(event));
}

function unstableDeliveries({ deliveries, received }: Observation): string[] {
  const ids = new Map(deliveries.map((each) => [keyOf(each), each.id]));
  const otherIds = received
    .filter(({ event }) => event.startsWith('alert.'))
    .filter((each) => ids.get(keyOf(each)) !== each.id)
    .map((each) => `${labelOf(each)} was sent, its record is ${ids.get(keyOf(each))}`);
  const bodies = Map.groupBy(received, ({ id }) => id);
  const changed = [...bodies.values()].flatMap(([first, ...others]) =>
    others.filter(({ body }) => body !== first?.body).map((each) => `the body of ${labelOf(each)} changed`),
  );
  return [...otherIds, ...changed];
}

/** Requests in flight are allowed: those of attempts that began before the destination was disabled. */
function sentWhileDisabled({ received, disabled, deliveryChanges, limits }: Observation): string[] {
  const claims = Map.groupBy(
    deliveryChanges.filter(({ isClaim }) => isClaim),
    ({ id }) => id,
  );
  return received.flatMap((request) => {
    const period = disabled.find(
      ({ destination, from, to }) => destination === request.destination && request.at > from && request.at < to,
    );
    if (!period) return [];
    const claimedAt = claims.get(request.id)?.findLast(({ at }) => at <= request.at)?.at ?? 0;
    if (claimedAt <= period.from + limits.executeClaim) return [];
    return [`${labelOf(request)}, claimed ${claimedAt - period.from} ms after ${request.destination} was disabled`];
  });
}

function missedLateness({ changes, late, destinations, limits }: Observation): string[] {
  if (!destinations.some(({ events }) => events.length === 0 || events.includes('alert.late'))) return [];
  const lateAlerts = new Set(late);
  return [...Map.groupBy(changes, ({ uuid }) => uuid)].flatMap(([uuid, ofAlert]) => {
    const from = ofAlert[0]?.at ?? 0;
    const to = ofAlert.find(({ status }) => status === 'processed' || status === 'failed')?.at ?? from;
    return to - from > limits.late && !lateAlerts.has(uuid) ? [`${uuid} was unfinished for ${to - from} ms`] : [];
  });
}

type Delivery = Pick<DeliveryRecord, 'destination' | 'uuid' | 'event'>;

function keyOf({ destination, uuid, event }: Delivery): string {
  return `${event} of ${uuid} to ${destination}`;
}

function labelOf(delivery: Delivery & { id: string }): string {
  return `${keyOf(delivery)} (${delivery.id})`;
}

function countByKey(deliveries: Delivery[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const each of deliveries) counts.set(keyOf(each), (counts.get(keyOf(each)) ?? 0) + 1);
  return counts;
}
