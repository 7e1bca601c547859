import { type FaultKind, isOutage } from './faults.ts';
import type { Change, Evidence } from './history.ts';

/** An alert that a killed worker held: `tookMs` from the kill (`at`) to the claim of another one. */
export type Recovery = { uuid: string; receivedAt: number; by: string; at: number; tookMs: number };

/** Every alert whose worker was killed between its claim and its record, and that was claimed again. */
export function recoveries({ blows, changes }: Pick<Evidence, 'blows' | 'changes'>): Recovery[] {
  const killedAt = new Map(
    blows.flatMap(({ kind, hit, to }) => (kind === 'kill worker' && hit ? [[hit, to] as const] : [])),
  );
  const histories = Map.groupBy(changes, ({ uuid }) => uuid);
  return [...histories.values()].flatMap((history) =>
    history.flatMap((claim, index) => {
      const at = killedAt.get(claim.by);
      const next = history[index + 1];
      if (at === undefined || !isClaim(claim) || !next || !isClaim(next) || next.by === claim.by) return [];
      const receivedAt = history[0]?.at ?? 0;
      return [{ uuid: claim.uuid, receivedAt, by: claim.by, at, tookMs: Math.max(0, next.at - at) }];
    }),
  );
}

/** An outage that alone was over at `at`: `tookMs` until a worker claimed the next alert. */
export type Resumption = { kind: FaultKind; at: number; tookMs: number };

/** Every return of database or queue while alerts kept coming and no other such outage began before the next claim. */
export function resumptions({
  blows,
  changes,
  answers,
}: Pick<Evidence, 'blows' | 'changes' | 'answers'>): Resumption[] {
  const outages = blows.filter(({ kind }) => isOutage(kind) && kind !== 'flush queue');
  const lastAccepted = Math.max(...answers.map(({ status, to }) => (status === 202 ? to : 0)));
  return outages.flatMap((outage) => {
    const { kind, to: at } = outage;
    const claim = changes.find((change) => change.at >= at && isClaim(change) && change.by.startsWith('worker-'));
    const until = claim?.at ?? Number.POSITIVE_INFINITY;
    const disturbed = outages.some((other) => other !== outage && other.from <= until && other.to >= at);
    return disturbed || at > lastAccepted ? [] : [{ kind, at, tookMs: until - at }];
  });
}

function isClaim({ status }: Change): boolean {
  return status === 'processing';
}

/** The middle and the longest of some durations in milliseconds; undefined of none. */
export function spread(durations: number[]): { count: number; p50: number; max: number } | undefined {
  const sorted = durations.toSorted((a, b) => a - b);
  const [p50, max] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted.at(-1)];
  return p50 === undefined || max === undefined ? undefined : { count: sorted.length, p50, max };
}
