/** The position in the log of PostgreSQL that a text such as `1A/2B3C4D5E` names. */
export function parsePosition(text: string): bigint {
  const [high = '0', low = '0'] = text.split('/');
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}

/** Positions that are kept: of ten minutes, one per second. */
const MAX_KEPT = 600;

/**
 * Measures how far a replica is behind: it remembers when the primary was at which position of its log. Only the clock of this
 * process counts. Times are in ms, of any clock that never jumps.
 */
export function createLagMeter() {
  let missing: { position: bigint; at: number }[] = [];
  let newest = { position: -1n, at: 0 };
  let reached = false;
  return {
    /** The primary was at this position. */
    note(position: bigint, at: number): void {
      // Another database was restored, or more than ten minutes are missing: begins again.
      if (position < newest.position || missing.length === MAX_KEPT) {
        missing = [];
        reached = false;
      }
      if (position !== newest.position || (!reached && missing.length === 0)) missing.push({ position, at });
      newest = { position, at };
    },
    /**
     * Returns the age of the oldest change that the replica, at this position, may lack. Undefined until it has reached a
     * position that was noted: it may be hours behind.
     */
    lagOf(position: bigint, at: number): number | undefined {
      const still = missing.filter((each) => each.position > position);
      reached ||= still.length < missing.length;
      missing = still;
      return reached ? at - (missing[0] ?? newest).at : undefined;
    },
  };
}
