/** Rows of a batch. */
const MAX_ROWS = 5_000;
const MIN_ROWS = 100;
const FIRST_ROWS = 1_000;
/** A batch is one transaction, and the event stream shows no change that began after it before it has ended. */
const LONG_BATCH_MS = 250;
/**
 * Of the time of a batch: between a quarter and a tenth of the time is spent on batches. An alert takes 0.1 ms of PostgreSQL's
 * CPU: four million take half an hour with the shortest pauses.
 */
const MIN_PAUSE = 3;
const MAX_PAUSE = 9;
/** A small write that takes this much longer than without a batch shows that other writes wait, too. */
const SLOW_RATIO = 1.5;
const SLOW_MS = 2;
/** Share of the newest value in the average time of a write without a batch. */
const NEWEST = 0.1;

/** How long one batch took, and small writes during it and after the pause before it. */
type Timing = { rows: number; batchMs: number; writesMs: readonly number[]; idleWriteMs: number };

export type Pace = ReturnType<typeof createPace>;

/**
 * Decides how many rows the next batch has, and how long to pause before it. Pauses grow while small writes take longer
 * during a batch than between two batches: then requests wait as well.
 */
export function createPace() {
  let rows = FIRST_ROWS;
  let pause = MIN_PAUSE;
  let idleMs: number | undefined;
  return {
    rows: () => rows,
    /** A batch has failed, perhaps because it took longer than a statement may: the next one is smaller. */
    failed() {
      rows = Math.max(MIN_ROWS, Math.round(rows / 4));
    },
    /** Returns the time until the next batch. */
    pauseAfter(timing: Timing): number {
      idleMs = idleMs === undefined ? timing.idleWriteMs : idleMs + (timing.idleWriteMs - idleMs) * NEWEST;
      const slow = timing.writesMs.length > 0 && medianOf(timing.writesMs) > idleMs * SLOW_RATIO + SLOW_MS;
      pause = slow ? Math.min(MAX_PAUSE, pause * 1.5) : Math.max(MIN_PAUSE, pause * 0.9);
      if (timing.batchMs > LONG_BATCH_MS) rows = Math.max(MIN_ROWS, Math.round(rows * 0.7));
      else if (timing.rows >= rows) rows = Math.min(MAX_ROWS, Math.round(rows * 1.2));
      return timing.batchMs * pause;
    },
  };
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
