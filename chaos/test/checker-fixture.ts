import { type CheckOptions, checkInvariants } from '../checker.ts';
import { type Change, type FeedEvent, newHistory, type Observation, type Row } from '../history.ts';
import { limitsFor } from '../limits.ts';

// The checker must be able to fail: each case changes one detail in the observation of a correct run.

export const UUID = '35df2857-3a48-4985-aed0-e68b5ae4c968';
/** The api has given up waiting for a request. */
export const TOO_SLOW = { uuid: UUID, from: 0, to: 10_000, status: 408, retryAfter: false };
export const FAULTS: CheckOptions = { onlyRestarts: false };
export const RESTARTS: CheckOptions = { onlyRestarts: true };

export function row(change: Partial<Row> = {}): Row {
  const done = { status: 'processed', resolution: '1280x720', failureCode: null, attempts: 1, notifiedAt: 1_040 };
  return { uuid: UUID, ...done, ...change };
}

export function change(at: number, what: Partial<Change>): Change {
  return { ...row({ resolution: null, notifiedAt: null }), at, by: 'worker-1.1', processedAt: null, ...what };
}

export function event(what: Partial<FeedEvent>): FeedEvent {
  return { stream: 0, at: 1_200, id: '910.1', event: 'alert.processed', uuid: UUID, ...what };
}

/** One alert without incident: accepted at 1,010 ms, claimed, recorded, notified at 1,035 ms, marked. */
export function correctRun(): Observation {
  const sent = { uuid: UUID, store: 'chaos-0', video: '/videos/test_1.avi', expected: { resolution: '1280x720' } };
  const record = { status: 'processed', resolution: '1280x720', processedAt: 1_030 };
  return {
    ...newHistory(),
    sent: [sent],
    responses: [{ uuid: UUID, from: 1_000, to: 1_010, status: 202, retryAfter: true }],
    notifications: [{ store: 'chaos-0', result: '1280x720', at: 1_035, by: 'worker-1.1' }],
    rows: [row()],
    changes: [
      change(1_005, { by: 'api-1.1', status: 'pending', attempts: 0 }),
      change(1_020, { status: 'processing' }),
      change(1_030, record),
      change(1_040, { ...record, notifiedAt: 1_040 }),
    ],
    events: [event({ id: '900.1', event: 'alert.pending' }), event({})],
    ...{ leftoverJobs: [], deliveries: [], deliveryChanges: [], late: [], backlog: 0, unpictured: [] },
    timedOut: false,
    limits: limitsFor(1),
  };
}

/** Returns the invariants that the changed run violates. */
export function violatedBy(change: (run: Observation) => void, options = FAULTS): string[] {
  const run = correctRun();
  change(run);
  return checkInvariants(run, options)
    .filter(({ violations }) => violations.length > 0)
    .map(({ invariant }) => invariant);
}
