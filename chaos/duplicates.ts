import type { Blow, Evidence, Told } from './history.ts';

// The line is read here a moment after it was printed, and the blow is noted a moment before it is felt.
const READING_MS = 1_000;

/** The lines after the first one of each store. */
export function repeatedLines({ told }: Pick<Evidence, 'told'>): [earlier: Told, later: Told][] {
  const stores = Map.groupBy(told, ({ store }) => store);
  return [...stores.values()].flatMap((lines) =>
    lines.slice(1).flatMap((later, index): [Told, Told][] => {
      const earlier = lines[index];
      return earlier ? [[earlier, later]] : [];
    }),
  );
}

/**
 * A line may come again only where something fell between it and its mark in the row: its worker was killed or stopped,
 * or the worker of the later line was stopped before it printed, or the database was away and took no mark.
 */
export function unexplainedDuplicates(
  evidence: Pick<Evidence, 'told' | 'blows' | 'sent' | 'changes'>,
  databaseAway: (from: number, to: number) => boolean,
): string[] {
  const uuids = new Map(evidence.sent.map(({ store, uuid }) => [store, uuid]));
  const markedAt = new Map(
    evidence.changes
      .toReversed()
      .filter(({ notifiedAt }) => notifiedAt !== null)
      .map(({ uuid, at }) => [uuid, at]),
  );
  return repeatedLines(evidence)
    .filter(([earlier, later]) => {
      const marked = markedAt.get(uuids.get(earlier.store) ?? '') ?? later.at;
      const [from, to] = [earlier.at - READING_MS, Math.min(later.at, marked)];
      const fell = evidence.blows.some((blow) => hitBetween(blow, earlier, later, from, to));
      return !fell && !databaseAway(from, to);
    })
    .map(
      ([earlier, later]) => `${later.store}: by ${earlier.by}, and ${later.at - earlier.at} ms later by ${later.by}`,
    );
}

function hitBetween({ kind, hit, from: begin, to: end }: Blow, earlier: Told, later: Told, from: number, to: number) {
  const hitsEarlier = hit === earlier.by && (kind === 'kill worker' || kind === 'stop worker');
  const hitsLater = hit === later.by && kind === 'stop worker';
  return (hitsEarlier || hitsLater) && begin <= to && end >= from;
}
