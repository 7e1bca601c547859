import type { Logger } from 'pino';
import type { Database } from '#prisma/client.ts';
import { type ClaimedCopy, renewCopy } from '#prisma/copies.ts';
import { touchCopyFolder } from './folders.ts';

type Deps = { db: Database; log: Logger; renewMs: number };

type Options = {
  folder: string;
  progress: () => number;
  /** Aborted when the copy must not be continued. */
  lost: AbortController;
};

/** Renewals that may fail in a row: the lease lasts six of them. */
const MAX_FAILURES = 4;

/** Time for recording the result. */
export const RECORD_MS = 15_000;

/**
 * Renews the lease of a copy and records its progress, until `end`. Aborts `lost` after another claim, if the alert was
 * deleted, or after four failed renewals in a row, because the lease may have ended.
 */
export function holdLease({ db, log, renewMs }: Deps, claimed: ClaimedCopy, { folder, progress, lost }: Options) {
  let failures = 0;
  let ended = false;
  let timer: NodeJS.Timeout | undefined;
  let renewing: Promise<void> = Promise.resolve();
  const renew = async () => {
    try {
      await touchCopyFolder(folder);
      const isHeld = await renewCopy(db, claimed, { leaseMs: 6 * renewMs, progress: progress() });
      failures = 0;
      if (!isHeld && !ended) lost.abort(new Error('the copy has another claim'));
    } catch (err) {
      failures += 1;
      if (failures === 1) log.warn({ err }, 'cannot renew the lease of a copy');
      if (failures === MAX_FAILURES) lost.abort(err);
    }
  };
  const schedule = () => {
    timer = setTimeout(() => {
      renewing = renew().finally(() => {
        if (!ended) schedule();
      });
    }, renewMs);
  };
  schedule();
  return {
    async end(): Promise<void> {
      ended = true;
      clearTimeout(timer);
      await renewing;
    },
  };
}
