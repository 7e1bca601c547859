import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Database } from '#prisma/client.ts';
import type { FailureCode } from '#prisma/generated/enums.ts';
import { listWaiting, type WaitingAlert } from '#prisma/waiting.ts';
import type { AlertQueue } from '#redis/queue.ts';
import type { SourceHealth, SourcesHealth } from './source-health.ts';

/** 200 per second: 12,000 alerts, ten minutes at 20 per second, take a minute, and new alerts are not late. */
const INTERVAL_MS = 250;
const PER_INTERVAL = 50;
/** Most alerts that a worker knows may already have been processed by others: they do not count. */
const MAX_CALLS = 10;
/** While a source is down, the alerts that wait for it are read this often. 10,000 take 50 ms. */
const READ_MS = 60_000;
const PAGE = 1_000;
const PAGE_PAUSE_MS = 100;
/** What attempts fail with whose server does not respond. */
const NO_RESPONSE: FailureCode[] = ['video_server_unreachable', 'video_timeout'];
const OUTAGE: FailureCode[] = [...NO_RESPONSE, 'video_server_error'];

type Deps = {
  db: Database;
  sources: Pick<SourcesHealth, 'of' | 'isAnyDown' | 'takeWaiting'>;
  queue: Pick<AlertQueue, 'promote'>;
  log: Logger;
  /** How often the waiting alerts are read while a source is down. */
  readMs?: number;
};

/**
 * Moves the jobs of the alerts that waited for a source to the queue's waiting jobs, until closed. Reads those that other
 * workers, or this one before its start, let wait.
 */
export function startPromoting(deps: Deps): { close(): Promise<void> } {
  const closing = new AbortController();
  const running = [promoteUntil(closing.signal, deps), learnUntil(closing.signal, deps)];
  return {
    async close() {
      closing.abort();
      await Promise.all(running);
    },
  };
}

async function promoteUntil(signal: AbortSignal, { sources, queue, log }: Deps): Promise<void> {
  let uuids: string[] = [];
  let failed = false;
  const promoteNext = async () => {
    let left = PER_INTERVAL;
    for (let calls = 0; calls < MAX_CALLS && left > 0; calls += 1) {
      // Those of a failed call are tried again.
      if (uuids.length === 0) uuids = sources.takeWaiting(PER_INTERVAL);
      if (uuids.length === 0) return;
      left -= await queue.promote(uuids);
      uuids = [];
      failed = false;
    }
  };
  while (await pause(INTERVAL_MS, signal)) {
    await promoteNext().catch((err: unknown) => {
      if (!failed) log.warn({ err }, 'cannot promote the alerts that waited for their source: they return later');
      failed = true;
    });
  }
}

/**
 * Reads the waiting alerts of sources that are down once a minute. At the start every source counts as up, and those
 * alerts continue whose server did not respond. One that did may have named a time with Retry-After.
 */
async function learnUntil(signal: AbortSignal, { db, sources, log, readMs = READ_MS }: Deps): Promise<void> {
  const learn = async (codes: FailureCode[], isLearned: (source: SourceHealth) => boolean) => {
    for (let page: WaitingAlert[] | undefined; page === undefined || page.length === PAGE; ) {
      page = await listWaiting(db, { codes, limit: PAGE, after: page?.at(-1) });
      for (const alert of page) {
        const source = sources.of(alert);
        if (isLearned(source)) source.learn(alert.uuid);
      }
      if (!(await pause(PAGE_PAUSE_MS, signal))) return;
    }
  };
  const report = (err: unknown) => log.warn({ err }, 'cannot read the alerts that wait for their source');
  await learn(NO_RESPONSE, () => true).catch(report);
  while (await pause(readMs, signal)) {
    if (sources.isAnyDown()) await learn(OUTAGE, (source) => source.isDown()).catch(report);
  }
}

/** Returns true after the time, false as soon as the signal is aborted. */
function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  return sleep(ms, true, { signal }).catch(() => false);
}
