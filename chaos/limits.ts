import { CONNECT_TIMEOUT_MS } from '#prisma/client.ts';

/** The time limits of the invariants, in milliseconds, on a machine with two free cores. */
const LIMITS = {
  /** Everything works again after database or queue are back: the longest timeout plus a second try. */
  resume: 15_000,
  /** The alert of a killed worker is claimed again, if nothing else happens. */
  recover: 20_000,
  /** The reconciler's own limit for rebuilding a flushed queue. */
  rebuildQueue: 60_000,
  /** A worker starts, and checks for jobs of vanished workers. */
  startWorker: 5_000,
  /** Every alert is notified after the last fault: the reconciler's limit, and the longest delay between two attempts. */
  finish: 75_000,
  /** An alert that is unfinished for longer is late: LATE_AFTER, and the time for outages of the database. */
  late: 95_000,
  /** A claim that was made before a destination was disabled is executed. */
  executeClaim: 1_000,
  /** A line or request is recorded after it was sent, a fault before it takes effect. */
  readDelay: 1_000,
};

/** `slowConnection`: a 503 after this time is correct, because the machine is too slow for the api's time limit. */
export type Limits = typeof LIMITS & { slowConnection: number };

/** Returns the time limits in milliseconds, multiplied by `slowdown`. Without a slowdown, no connection takes too long. */
export function limitsFor(slowdown: number): Limits {
  const entries = Object.entries(LIMITS).map(([name, ms]) => [name, ms * slowdown]);
  const slowConnection = slowdown === 1 ? Number.POSITIVE_INFINITY : CONNECT_TIMEOUT_MS;
  return { ...LIMITS, ...Object.fromEntries(entries), slowConnection };
}
