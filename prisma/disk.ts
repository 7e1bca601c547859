import { DatabaseUnavailable } from './errors.ts';

/** While the disk is full, it is checked at most this often. */
const CHECK_MS = 2_000;
// 1 MB in a table that is dropped at once. A few bytes would fit into pages that the tables already have.
export const DISK_CHECK = `CREATE TEMPORARY TABLE disk_check ON COMMIT DROP AS
  SELECT repeat('x', 1000) AS filler FROM generate_series(1, 1000)`;

type DiskWatch = {
  /** Returns the error, and remembers whether the disk was full. */
  notice<E extends Error>(error: E): E;
  /** Returns whether the disk of the database is full, as far as writes of this process have shown. */
  isFull(): Promise<boolean>;
};

/**
 * Watches for writes that fail because the disk of the database is full. Nothing else shows it, and reads succeed. From such an
 * error on, `isFull` runs `check`, because without new alerts no other write would show that there is space again.
 */
export function watchDisk(check: () => Promise<unknown>, { checkMs = CHECK_MS } = {}): DiskWatch {
  let full = false;
  let checkedAt = Number.NEGATIVE_INFINITY;
  let checking: Promise<void> | undefined;
  const run = () =>
    check().then(
      () => {
        full = false;
      },
      (error: unknown) => {
        // One that is unavailable for another reason says nothing about the disk; one that refuses the check cannot be checked.
        if (!(error instanceof DatabaseUnavailable)) full = false;
      },
    );
  return {
    notice(error) {
      if (error instanceof DatabaseUnavailable && error.diskFull) {
        if (!full) checkedAt = performance.now();
        full = true;
      }
      return error;
    },
    async isFull() {
      if (full && performance.now() - checkedAt >= checkMs) {
        checkedAt = performance.now();
        checking = run();
      }
      await checking;
      return full;
    },
  };
}
