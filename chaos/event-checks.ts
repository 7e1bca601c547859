import type { Change, FeedEvent, Observation } from './history.ts';

/**
 * Returns a sentence for each event that a stream of the change feed missed, received twice or received in the wrong order.
 * After a `reset`, a client has to read all alerts again: what happened before it may be missing.
 */
export function eventViolations(observation: Pick<Observation, 'events' | 'changes'>): string[] {
  const byStream = Map.groupBy(observation.events, ({ stream }) => stream);
  return [...byStream].flatMap(([stream, events]) =>
    [...repeatedEvents(events), ...disorderedEvents(events), ...missedEvents(events, observation.changes)].map(
      (what) => `stream ${stream}: ${what}`,
    ),
  );
}

function repeatedEvents(events: FeedEvent[]): string[] {
  const byAlert = Map.groupBy(events.filter(isFinalEvent), ({ uuid }) => uuid);
  return [...byAlert].flatMap(([uuid, all]) =>
    all.length > 1 ? [`${uuid} became final ${all.length} times, at ${all.map(({ id }) => id).join(', ')}`] : [],
  );
}

function disorderedEvents(events: FeedEvent[]): string[] {
  return events.slice(1).flatMap((event, index) => {
    const before = events[index];
    const inOrder = event.event === 'reset' || !before || comparePositions(before.id, event.id) < 0;
    return inOrder || before.event === 'reset' ? [] : [`${event.id} was received after ${before.id}`];
  });
}

function missedEvents(events: FeedEvent[], changes: Change[]): string[] {
  const received = new Set(events.filter(isFinalEvent).map(({ uuid }) => uuid));
  const resetAt = events.findLast(({ event }) => event === 'reset')?.at ?? 0;
  const finalAt = new Map(
    changes.toReversed().flatMap(({ uuid, status, at }) => (isFinalStatus(status) ? [[uuid, at] as const] : [])),
  );
  return [...finalAt].flatMap(([uuid, at]) =>
    at > resetAt && !received.has(uuid) ? [`${uuid} became final without an event`] : [],
  );
}

function isFinalEvent({ event }: FeedEvent): boolean {
  return event === 'alert.processed' || event === 'alert.failed';
}

function isFinalStatus(status: string): boolean {
  return status === 'processed' || status === 'failed';
}

/** Returns a negative number if the position `a`, as in "1234.5", is before `b`. */
function comparePositions(a: string, b: string): number {
  const [aXid = 0n, aId = 0n] = a.split('.').map(BigInt);
  const [bXid = 0n, bId = 0n] = b.split('.').map(BigInt);
  return aXid === bXid ? Number(aId - bId) : Number(aXid - bXid);
}
