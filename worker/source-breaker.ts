import type { Failure } from './process-alert.ts';
import { createWaitingAlerts } from './waiting-alerts.ts';

/** Longer than the delays of retries: after this time, no alert waits for the source any more. */
const FORGOTTEN_MS = 15 * 60_000;

/** `alerts`: how many different alerts must fail in a row. One alone can be due to its video. */
export type BreakerOptions = { alerts: number; firstProbeMs: number; maxProbeMs: number };
export const BREAKER_DEFAULTS: BreakerOptions = { alerts: 5, firstProbeMs: 5_000, maxProbeMs: 30_000 };

/**
 * `wait`: the source is down because of `failure`; no connection may be opened for the alert now. `first`: the alert has not
 * waited before in this outage.
 */
export type Waiting = { kind: 'wait'; delayMs: number; failure: Failure; downForMs: number; first: boolean };
export type Admission = { kind: 'attempt'; end(): void } | Waiting;

/** Lets one alert at a time try a source of videos that is down, and all others wait without a connection. */
export type SourceBreaker = {
  /** Returns whether an attempt at the alert may start. `end` must be called after it. */
  admit(alert: string): Admission;
  /** An attempt failed because of the source. */
  failed(alert: string, failure: Failure): void;
  /** The source sent a response. */
  responded(): void;
  /** Returns whether alerts wait for the source. */
  isDown(): boolean;
  /** Returns the milliseconds until the next probe, Infinity while the source is not down. */
  untilProbeMs(): number;
  /**
   * The queue has delayed the job of an alert that waits. If the source has recovered since `admit`, the alert was taken while
   * its job was active, and must be taken again.
   */
  delayed(alert: string): void;
  /** The alert waits for the source, or did when this worker started. */
  learn(alert: string): void;
  /** The alert is final. */
  forget(alert: string): void;
  /** Returns up to `count` alerts that waited and need not wait any more, each once; none while the source is down. */
  takeWaiting(count: number): string[];
};

type Open = {
  since: number;
  failure: Failure;
  probeMs: number;
  probeAt: number;
  probe: string | undefined;
};

/**
 * Returns a breaker for one source, which opens when its attempts fail without a response in between. The first probe is after
 * `firstProbeMs`, each further one after twice as long. `waiting`: the alerts that have waited for it before.
 */
export function createSourceBreaker(
  { alerts, firstProbeMs, maxProbeMs } = BREAKER_DEFAULTS,
  now = () => performance.now(),
  waiting = createWaitingAlerts(),
): SourceBreaker {
  const failing = new Set<string>();
  let open: Open | undefined;
  let lastAdmission = now();
  const nextProbeAt = ({ probe, probeAt, probeMs }: Open) => (probe === undefined ? probeAt : now() + probeMs);
  return {
    admit(alert) {
      lastAdmission = now();
      if (!open) {
        waiting.remove(alert);
        return { kind: 'attempt', end() {} };
      }
      if (open.probe === undefined && now() >= open.probeAt) return admitProbe(open, alert);
      const { failure, since } = open;
      const first = waiting.add(alert);
      const delayMs = Math.ceil(waiting.nextReturn(nextProbeAt(open)) - now());
      return { kind: 'wait', delayMs, failure, downForMs: now() - since, first };
    },
    failed(alert, failure) {
      if (!open) {
        failing.add(alert);
        if (failing.size < alerts) return;
        const probe = { probeMs: firstProbeMs, probeAt: now() + firstProbeMs, probe: undefined };
        open = { since: now(), failure, ...probe };
        waiting.restart();
        for (const each of failing) waiting.add(each);
        return;
      }
      waiting.add(alert);
      // Attempts that began before it opened say nothing new.
      if (open.probe !== alert) return;
      const probeMs = Math.min(2 * open.probeMs, maxProbeMs);
      Object.assign(open, { failure, probeMs, probeAt: now() + probeMs, probe: undefined });
    },
    responded() {
      failing.clear();
      open = undefined;
    },
    // After its recovery, another worker may have processed all alerts that waited.
    isDown: () => open !== undefined && now() - lastAdmission < FORGOTTEN_MS,
    untilProbeMs: () => (open ? Math.max(0, nextProbeAt(open) - now()) : Number.POSITIVE_INFINITY),
    delayed: (alert) => void waiting.add(alert),
    learn: (alert) => void waiting.add(alert),
    forget: waiting.remove,
    takeWaiting: (count) => (open ? [] : waiting.take(count)),
  };
}

/** Lets the alert probe. */
function admitProbe(opened: Open, alert: string): Admission {
  opened.probe = alert;
  return {
    kind: 'attempt',
    end() {
      // Without a result, for example because the alert was final: the next alert probes.
      if (opened.probe === alert) opened.probe = undefined;
    },
  };
}

/** Runs `attempt` with the breaker's admission of the alert, and ends it afterwards. */
export async function whileAdmitted<Result>(
  breaker: Pick<SourceBreaker, 'admit'>,
  alert: string,
  attempt: (admission: Admission) => Promise<Result>,
): Promise<Result> {
  const admission = breaker.admit(alert);
  try {
    return await attempt(admission);
  } finally {
    if (admission.kind === 'attempt') admission.end();
  }
}
