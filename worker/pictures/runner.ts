import { waitAtMost } from '#async/timeout.ts';
import { claimPicture, claimPictures } from '#prisma/pictures.ts';
import { type AttemptDeps, attemptPicture, LEASE_MS } from './attempt.ts';
import { createHandOverQueue, createWaitTimers, type HandedOver } from './hand-over.ts';

export type RunnerDeps = AttemptDeps & {
  /** Pictures that are made at the same time. */
  concurrency: number;
  onError: (error: unknown) => void;
};

export type Runner = {
  /** Makes the picture soon from what was read of the video, unless too many wait; then a sweep finds its row. Returns at once. */
  handOver(alert: HandedOver): void;
  /** Makes pictures that are due, while no alert waits that was handed over. */
  sweep(): Promise<void>;
  /** Starts nothing more. Waits `graceMs` for attempts in progress, then aborts and releases them. */
  close(graceMs: number): Promise<void>;
};

/** Time for releasing aborted attempts. What is not released is due again after its lease. */
const RELEASE_MS = 3_000;

/** Returns the part of a worker that makes pictures. */
export function createRunner(deps: RunnerDeps): Runner {
  const stop = new AbortController();
  const queue = createHandOverQueue();
  const timers = createWaitTimers(deps.triggerDeliveries);
  const running = new Set<Promise<void>>();
  let closing = false;
  const freeSlots = () => (closing ? 0 : deps.concurrency - running.size);

  /** After the attempt, the next alert that was handed over, else the next one that is due. */
  const start = (attempt: () => Promise<void>, then: () => void) => {
    const run: Promise<void> = attempt()
      .catch(deps.onError)
      .then(() => {
        running.delete(run);
        then();
      });
    running.add(run);
  };
  const startWaiting = () => {
    while (freeSlots() > 0) {
      const alert = queue.next();
      if (!alert) return;
      start(() => makeHandedOver(deps, alert, stop.signal), startWaiting);
    }
  };
  const sweep = async () => {
    if (freeSlots() === 0 || !queue.isEmpty() || !(await deps.storage.isAvailable())) return;
    const due = await claimPictures(deps.db, { limit: freeSlots(), leaseMs: LEASE_MS });
    const next = () => {
      startWaiting();
      void sweep().catch(deps.onError);
    };
    for (const claimed of due) start(() => attemptPicture(deps, claimed, { stop: stop.signal }), next);
  };
  return {
    handOver(alert) {
      if (closing) return;
      timers.start(alert.waiting);
      if (queue.add(alert)) startWaiting();
    },
    sweep,
    async close(graceMs) {
      closing = true;
      timers.close();
      const idle = Promise.all(running);
      await waitAtMost(idle, graceMs);
      stop.abort(new Error('the worker is stopping'));
      await waitAtMost(idle, RELEASE_MS);
    },
  };
}

async function makeHandedOver(deps: AttemptDeps, { alertId, video }: HandedOver, stop: AbortSignal): Promise<void> {
  // During an outage of the store, the row waits.
  if (!(await deps.storage.isAvailable())) return;
  const claimed = await claimPicture(deps.db, alertId, LEASE_MS);
  if (claimed) await attemptPicture(deps, claimed, { stop, opened: video });
}
