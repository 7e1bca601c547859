import type { Logger } from 'pino';
import type { Database } from '#prisma/client.ts';
import { dueDestinations } from '#prisma/deliveries.ts';
import { deletedDestinations, purgeDeleted } from '#prisma/destination-backlog.ts';
import { type DestinationRow, destinationHealth, listDestinations } from '#prisma/destinations.ts';
import { type LatePage, recordLate } from '#prisma/late-alerts.ts';
import type { DeliveryMetrics } from './metrics.ts';

export type SweepDeps = {
  db: Database;
  log: Logger;
  metrics: DeliveryMetrics;
  /** Starts to look for due deliveries. */
  look: (destinationId: string) => void;
  /** Forgets the outages of deleted destinations. */
  keepOutages: (destinationIds: readonly string[]) => void;
  /** Age from which an unfinished alert is late. */
  lateAfterMs: number;
  intervals?: Intervals;
};

type Intervals = { dueMs: number; lateMs: number; healthMs: number };

const INTERVALS: Intervals = { dueMs: 2_000, lateMs: 5_000, healthMs: 15_000 };

/** How long a pass deletes deliveries of a deleted destination. */
const PURGE_MS = 1_000;

/** Unfinished alerts per statement of the late scan. */
const LATE_PAGE = 1_000;

/**
 * Finds what no trigger reported: due retries, deliveries of killed workers, groups that are complete, late alerts; measures;
 * and deletes the deliveries of deleted destinations. While there are no destinations, a pass is two queries. A failed pass is
 * logged once per outage.
 */
export function startSweep(deps: SweepDeps): { close(): Promise<void> } {
  const intervals = deps.intervals ?? INTERVALS;
  const lateIsDue = everyMs(intervals.lateMs);
  const healthIsDue = everyMs(intervals.healthMs);
  let closing = false;
  let failing = false;
  let timer: NodeJS.Timeout | undefined;
  let currentPass: Promise<void> = Promise.resolve();
  const runPass = async () => {
    const destinations = await listDestinations(deps.db);
    deps.keepOutages(destinations.map(({ id }) => id));
    measureStates(deps.metrics, destinations);
    for (const id of await deletedDestinations(deps.db)) await purgeDeleted(deps.db, id, PURGE_MS);
    if (destinations.length === 0) return;
    if (lateIsDue()) await scanLate(deps);
    for (const id of await dueDestinations(deps.db)) deps.look(id);
    if (healthIsDue()) await measureBacklogs(deps, destinations);
  };
  const startPass = () => {
    currentPass = runPass()
      .then(
        () => {
          failing = false;
        },
        (err: unknown) => {
          if (!failing) deps.log.warn({ err }, 'looking for due deliveries failed');
          failing = true;
        },
      )
      .then(() => {
        if (!closing) timer = setTimeout(startPass, intervals.dueMs);
      });
  };
  startPass();
  return {
    async close() {
      closing = true;
      clearTimeout(timer);
      await currentPass;
    },
  };
}

/** Returns a function that returns true at most once per interval. */
function everyMs(ms: number): () => boolean {
  let last = Number.NEGATIVE_INFINITY;
  return () => {
    const now = performance.now();
    if (now - last < ms) return false;
    last = now;
    return true;
  };
}

/** Records the event alert.late of all alerts that became late. Only for destinations whose filter has it. */
async function scanLate({ db, metrics, lateAfterMs, look }: SweepDeps): Promise<void> {
  let after: LatePage['after'];
  do {
    const page = await recordLate(db, { lateAfterMs, limit: LATE_PAGE, after });
    metrics.muted.inc(page.muted);
    for (const id of page.destinations) look(id);
    after = page.after;
  } while (after);
}

function measureStates(
  { failures, disabled, pending, oldestPending }: DeliveryMetrics,
  destinations: DestinationRow[],
) {
  // A deleted or renamed destination must not keep its last value.
  failures.reset();
  disabled.reset();
  if (destinations.length === 0) for (const gauge of [pending, oldestPending]) gauge.reset();
  for (const { name, enabled, disabledReason, consecutiveFailures } of destinations) {
    failures.set({ destination: name }, enabled ? consecutiveFailures : 0);
    disabled.set({ destination: name }, !enabled && disabledReason !== null ? 1 : 0);
  }
}

async function measureBacklogs({ db, metrics }: SweepDeps, destinations: DestinationRow[]): Promise<void> {
  const health = await destinationHealth(db);
  metrics.pending.reset();
  metrics.oldestPending.reset();
  for (const { id, name } of destinations) {
    const { pending = 0, oldestPendingAt = null } = health.get(id) ?? {};
    metrics.pending.set({ destination: name }, pending);
    const ageS = oldestPendingAt === null ? 0 : Math.max(0, Date.now() - oldestPendingAt.getTime()) / 1_000;
    metrics.oldestPending.set({ destination: name }, ageS);
  }
}
