/** What a server says about itself. */
export type ServerState = {
  /** false: it is a standby, or read-only. */
  writable: boolean;
  /** The same on a primary and its standbys; empty: unknown. */
  system: string;
  /** Grows with each promotion; 0: unknown. */
  timeline: number;
};

/**
 * Returns the index of the server that accepts writes; undefined if there is none. Of several, one is a former primary that
 * was not stopped: the one with the highest timeline is the primary. `newest`: the last state of the server that was chosen
 * before. A server of the same system with a lower timeline is never chosen.
 */
export function choosePrimary(
  states: readonly (ServerState | undefined)[],
  current: number | undefined,
  newest: ServerState | undefined,
): number | undefined {
  const isFormer = ({ system, timeline }: ServerState) =>
    newest !== undefined && system === newest.system && timeline < newest.timeline;
  const candidates = [...states.entries()].flatMap(([index, state]) =>
    state?.writable && !isFormer(state) ? [{ index, ...state }] : [],
  );
  const highest = Math.max(...candidates.map(({ timeline }) => timeline));
  const best = candidates.filter(({ timeline }) => timeline === highest);
  return (best.find(({ index }) => index === current) ?? best[0])?.index;
}
