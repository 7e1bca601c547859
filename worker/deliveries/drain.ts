import { type ClaimedDelivery, claimDeliveries } from '#prisma/deliveries.ts';
import { formGroups } from '#prisma/delivery-groups.ts';
import { acquireProbe, type DestinationRow, findDestination } from '#prisma/destinations.ts';
import { type AttemptDeps, attemptDelivery, leaseMs } from './attempt.ts';

export type DrainDeps = AttemptDeps & {
  /** Attempts in progress per destination. */
  concurrency: number;
  onError: (error: unknown) => void;
};

export type Drain = {
  /** Claims and sends due deliveries until none is left. During a drain, it looks once more. */
  look(): void;
  /** Resolves when no attempt is in progress and no claim is being made. */
  idle(): Promise<void>;
};

/**
 * Returns the drain of one destination. While the destination is disabled or blocked, it claims nothing. After a block, one
 * worker sends one delivery: if that succeeds, the drain continues, otherwise the destination is blocked for longer.
 * `onIdle` is called when no attempt is in progress and no claim is being made, until the next look.
 */
export function createDrain(
  deps: DrainDeps,
  destinationId: string,
  { onIdle, ...stop }: { claiming: AbortSignal; sending: AbortSignal; onIdle: () => void },
): Drain {
  const inProgress = new Set<Promise<unknown>>();
  let requested = false;
  let running: Promise<void> | undefined;

  const reportIdle = () => {
    if (!running && inProgress.size === 0) onIdle();
  };
  const start: Start = (destination, claimed, probe) => {
    const attempt: Promise<unknown> = attemptDelivery(deps, destination, claimed, { stop: stop.sending, probe })
      .catch(deps.onError)
      .finally(() => {
        inProgress.delete(attempt);
        reportIdle();
      });
    inProgress.add(attempt);
    return attempt;
  };
  const drain = async () => {
    while (!stop.claiming.aborted) {
      requested = false;
      const free = deps.concurrency - inProgress.size;
      const claimed = await claimNext(deps, destinationId, { free, start, stop: stop.claiming });
      if (!claimed && !requested) return;
      // One query claims several deliveries, and a few stalled ones do not stop the others.
      while (inProgress.size > deps.concurrency / 2) await Promise.race(inProgress);
    }
  };
  const look = () => {
    requested = true;
    running ??= drain()
      .catch(deps.onError)
      .finally(() => {
        running = undefined;
        if (requested && !stop.claiming.aborted) look();
        reportIdle();
      });
  };
  return {
    look,
    async idle() {
      await running;
      await Promise.all(inProgress);
    },
  };
}

type Start = (destination: DestinationRow, claimed: ClaimedDelivery, probe: boolean) => Promise<unknown>;

/** Claims and starts up to `free` due deliveries. Returns whether it claimed any. */
async function claimNext(
  deps: DrainDeps,
  destinationId: string,
  { free, start, stop }: { free: number; start: Start; stop: AbortSignal },
): Promise<boolean> {
  const destination = await findDestination(deps.db, destinationId);
  if (!destination?.enabled) return false;
  if (destination.groupBy !== null) await formGroups(deps.db, destinationId);
  if (stop.aborted) return false;
  const options = { destinationId, leaseMs: leaseMs(deps) };
  if (destination.blockedUntil === null) {
    const claimed = await claimDeliveries(deps.db, { ...options, limit: free });
    for (const each of claimed) start(destination, each, false);
    return claimed.length > 0;
  }
  if (!(await acquireProbe(deps.db, destinationId, options.leaseMs))) return false;
  const [claimed] = await claimDeliveries(deps.db, { ...options, limit: 1, probe: true });
  if (claimed) await start(destination, claimed, true);
  return claimed !== undefined;
}
