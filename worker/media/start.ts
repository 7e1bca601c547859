import { withSessionLock } from '#prisma/session-lock.ts';
import { type CheckDeps, checkFiles } from './check.ts';

/** Of the advisory lock. Any number that no other lock has. */
const LOCK = { key: 20_261_126, name: 'media check' };
const HOUR_MS = 3_600_000;
/** All workers start at the same minute, so that one of them takes the lock for all. */
const AFTER_THE_HOUR_MS = 17 * 60_000;

type Options = CheckDeps & { databaseUrl: string; delayMs?: () => number };

/** Checks once an hour, in one worker, that stored files and rows match. A failed check is logged; the next one tries again. */
export function startMediaCheck({ databaseUrl, delayMs = untilNextCheck, ...deps }: Options): {
  close(): Promise<void>;
} {
  const closing = new AbortController();
  let running: Promise<unknown> = Promise.resolve();
  let timer: NodeJS.Timeout;
  const check = async () => {
    await deps.store.check();
    for (const kind of ['picture', 'copy'] as const) await checkFiles(deps, kind, closing.signal);
  };
  const schedule = () => {
    timer = setTimeout(() => {
      running = withSessionLock(databaseUrl, LOCK, check)
        .catch((err: unknown) => {
          if (!closing.signal.aborted) deps.log.warn({ err }, 'check of stored files failed');
        })
        .finally(() => closing.signal.aborted || schedule());
    }, delayMs());
  };
  schedule();
  return {
    async close() {
      closing.abort();
      clearTimeout(timer);
      await running;
    },
  };
}

function untilNextCheck(): number {
  return HOUR_MS - ((Date.now() - AFTER_THE_HOUR_MS) % HOUR_MS);
}
