/**
 * Jobs that return per second and worker while their source is down. A return only helps an alert that no worker knows. It
 * costs half as much as an alert: 17 per second made the results of other sources 25 % later.
 */
const RETURNS_PER_S = 2;

/** All alerts that wait return about once in this time: of more than 7,200, more return per second. */
const ROUND_MS = 3_600_000;

/** As many as the queue accepts by default: 10 MB. Further ones wait, too, but only return by themselves. */
const MAX_KNOWN = 100_000;

/** The alerts that wait for a source that is down, in the order in which they began to. */
export type WaitingAlerts = {
  /** Returns whether the alert was not known, and adds it. */
  add(alert: string): boolean;
  /** Removes an alert that does not wait any more. */
  remove(alert: string): void;
  /** Returns up to `count` alerts and removes them. */
  take(count: number): string[];
  /** Returns when the next alert that waits is delivered again, not before `earliest`. */
  nextReturn(earliest: number): number;
  /** An outage begins: times of return that were given before do not count. */
  restart(): void;
};

export function createWaitingAlerts(): WaitingAlerts {
  const known = new Set<string>();
  let returnAt = 0;
  return {
    add(alert) {
      if (known.has(alert) || known.size >= MAX_KNOWN) return false;
      known.add(alert);
      return true;
    },
    remove: (alert) => void known.delete(alert),
    take(count) {
      const taken: string[] = [];
      for (const alert of known) {
        if (taken.length >= count) break;
        taken.push(alert);
        known.delete(alert);
      }
      return taken;
    },
    nextReturn(earliest) {
      const next = Math.max(earliest, returnAt);
      returnAt = next + Math.min(1_000 / RETURNS_PER_S, ROUND_MS / Math.max(1, known.size));
      return next;
    },
    restart() {
      returnAt = 0;
    },
  };
}
