import { waitAtMost } from '#async/timeout.ts';
import { claimDelivery } from '#prisma/deliveries.ts';
import { findDelivery } from '#prisma/delivery-listing.ts';
import { findDestination } from '#prisma/destinations.ts';
import type { Trigger } from '#redis/delivery-queue.ts';
import { attemptDelivery, leaseMs } from './attempt.ts';
import { createDrain, type Drain, type DrainDeps } from './drain.ts';

export type Deliverer = {
  /** Starts to look for due deliveries; returns at once. */
  look(destinationId: string): void;
  /** Handles a trigger of the queue. A `test` is sent even while its destination is disabled or blocked. */
  handle(trigger: Trigger): Promise<void>;
  /** Forgets the outages of all destinations but these, which exist. */
  keepOutages(destinationIds: readonly string[]): void;
  /** Number of destinations that it works for. */
  readonly active: number;
  /** Number of destinations with an outage. */
  readonly outages: number;
  /** Claims nothing more. Waits `graceMs` for attempts in progress, then aborts and releases them. */
  close(graceMs: number): Promise<void>;
};

/** Time for releasing aborted deliveries. A delivery that is not released is due again after its lease. */
const RELEASE_MS = 3_000;

/** Returns the part of a worker that sends deliveries: one drain per destination. */
export function createDeliverer(options: Omit<DrainDeps, 'outages'>): Deliverer {
  const deps: DrainDeps = { ...options, outages: new Set() };
  const claiming = new AbortController();
  const sending = new AbortController();
  const stop = { claiming: claiming.signal, sending: sending.signal };
  const drains = new Map<string, Drain>();
  const tests = new Set<Promise<void>>();
  const look = (destinationId: string) => {
    if (claiming.signal.aborted) return;
    let drain = drains.get(destinationId);
    if (!drain) {
      // A new drain costs nothing. Kept ones would also be those of deleted destinations.
      drain = createDrain(deps, destinationId, { ...stop, onIdle: () => drains.delete(destinationId) });
      drains.set(destinationId, drain);
    }
    drain.look();
  };
  const sendTest = async (id: string) => {
    const claimed = await claimDelivery(deps.db, id, leaseMs(deps));
    const destination = claimed && (await findDestination(deps.db, claimed.destinationId));
    if (claimed && destination) await attemptDelivery(deps, destination, claimed, { stop: sending.signal });
  };
  return {
    look,
    async handle(trigger) {
      if ('destination' in trigger) return look(trigger.destination);
      const delivery = await findDelivery(deps.db, trigger.delivery);
      if (!delivery || claiming.signal.aborted) return;
      if (delivery.event !== 'test') return look(delivery.destinationId);
      const test = sendTest(delivery.id)
        .catch(deps.onError)
        .finally(() => tests.delete(test));
      tests.add(test);
    },
    keepOutages(destinationIds) {
      for (const id of deps.outages) if (!destinationIds.includes(id)) deps.outages.delete(id);
    },
    get active() {
      return drains.size;
    },
    get outages() {
      return deps.outages.size;
    },
    async close(graceMs) {
      claiming.abort();
      const idle = Promise.all([...[...drains.values()].map((drain) => drain.idle()), ...tests]);
      await waitAtMost(idle, graceMs);
      sending.abort(new Error('the worker is stopping'));
      await waitAtMost(idle, RELEASE_MS);
    },
  };
}
