import { WAIT_S } from '#prisma/picture-times.ts';
import type { TriggerDeliveries } from '../deliveries/trigger.ts';
import type { OpenVideo } from '../video/types.ts';

/** An alert that was just processed. `waiting`: destinations whose delivery waits for its picture. */
export type HandedOver = { alertId: bigint; video: OpenVideo; waiting: readonly string[] };

/** Videos that wait keep what was read of them: mostly 16 KiB, at most the byte budget of an alert. */
const MAX_WAITING = 32;
const MAX_WAITING_BYTES = 16 * 1024 * 1024;

/** Returns the alerts that were handed over and wait for their picture. Bounded in number and bytes. */
export function createHandOverQueue() {
  const waiting: HandedOver[] = [];
  return {
    /** Returns false if there is no space. */
    add(alert: HandedOver): boolean {
      const bytes = waiting.reduce((sum, { video }) => sum + video.bytesFetched, alert.video.bytesFetched);
      if (waiting.length >= MAX_WAITING || bytes > MAX_WAITING_BYTES) return false;
      waiting.push(alert);
      return true;
    },
    next: () => waiting.shift(),
    isEmpty: () => waiting.length === 0,
  };
}

/** By the clock of the database, which sets when deliveries are due. */
const WAITED_MS = WAIT_S * 1_000 + 20;

/** Returns a trigger of deliveries that are due whether or not there is a picture by then: otherwise they wait for a sweep. */
export function createWaitTimers(triggerDeliveries: TriggerDeliveries) {
  const timers = new Set<NodeJS.Timeout>();
  return {
    start(destinations: readonly string[]) {
      if (destinations.length === 0) return;
      const timer = setTimeout(() => {
        timers.delete(timer);
        triggerDeliveries(destinations);
      }, WAITED_MS);
      timers.add(timer);
    },
    close() {
      for (const timer of timers) clearTimeout(timer);
    },
  };
}
