import { type FaultKind, isOutage, losesJobs } from './faults.ts';
import type { Change, Observation } from './history.ts';

/** The recovery of an alert that a killed worker had claimed: `durationMs` from the kill (`at`) to the next claim. */
export type Recovery = { uuid: string; receivedAt: number; killed: string; at: number; durationMs: number };

/** Returns every alert that was claimed again after its worker was killed between claim and record. */
export function recoveries({ faults, changes }: Pick<Observation, 'faults' | 'changes'>): Recovery[] {
  const killedAt = new Map(
    faults.flatMap(({ kind, process, to }) => (kind === 'kill worker' && process ? [[process, to] as const] : [])),
  );
  const byAlert = Map.groupBy(changes, ({ uuid }) => uuid);
  return [...byAlert.values()].flatMap((ofAlert) =>
    ofAlert.flatMap((claim, index) => {
      const at = killedAt.get(claim.by);
      const next = ofAlert[index + 1];
      if (at === undefined || !isClaim(claim) || !next || !isClaim(next) || next.by === claim.by) return [];
      const receivedAt = ofAlert[0]?.at ?? 0;
      return [{ uuid: claim.uuid, receivedAt, killed: claim.by, at, durationMs: Math.max(0, next.at - at) }];
    }),
  );
}

/** The end (`at`) of an outage that overlapped no other: `durationMs` until a worker claimed the next alert. */
export type Resumption = { kind: FaultKind; at: number; durationMs: number };

/**
 * Returns every resumption after an outage of database or queue, if alerts still arrived and no other outage began before
 * the next claim.
 */
export function resumptions({
  faults,
  changes,
  responses,
}: Pick<Observation, 'faults' | 'changes' | 'responses'>): Resumption[] {
  const outages = faults.filter(({ kind }) => isOutage(kind) && !losesJobs(kind));
  const lastAccepted = Math.max(...responses.map(({ status, to }) => (status === 202 ? to : 0)));
  return outages.flatMap((outage) => {
    const { kind, to: at } = outage;
    const claim = changes.find((change) => change.at >= at && isClaim(change) && change.by.startsWith('worker-'));
    const resumedAt = claim?.at ?? Number.POSITIVE_INFINITY;
    const disturbed = outages.some((other) => other !== outage && other.from <= resumedAt && other.to >= at);
    return disturbed || at > lastAccepted ? [] : [{ kind, at, durationMs: resumedAt - at }];
  });
}

function isClaim({ status }: Change): boolean {
  return status === 'processing';
}

export type Summary = { count: number; p50: number; max: number };

/** Returns count, median and maximum of the durations in milliseconds, or undefined if there are none. */
export function summarize(durations: number[]): Summary | undefined {
  const sorted = durations.toSorted((a, b) => a - b);
  const [p50, max] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted.at(-1)];
  return p50 === undefined || max === undefined ? undefined : { count: sorted.length, p50, max };
}
