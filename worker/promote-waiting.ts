import type { Logger } from 'pino';
import type { AlertQueue } from '#redis/queue.ts';
import type { SourcesHealth } from './source-health.ts';

/** 200 per second: 12,000 alerts, ten minutes at 20 per second, take a minute, and new alerts are not late. */
const INTERVAL_MS = 250;
const PER_INTERVAL = 50;
/** Most alerts that a worker knows may already have been processed by others: they do not count. */
const MAX_CALLS = 10;

type Deps = {
  sources: Pick<SourcesHealth, 'takeWaiting'>;
  queue: Pick<AlertQueue, 'promote'>;
  log: Logger;
};

/** Moves the jobs of the alerts that waited for a source to the queue's waiting jobs, until closed. */
export function startPromoting({ sources, queue, log }: Deps): { close(): Promise<void> } {
  let uuids: string[] = [];
  let running = Promise.resolve();
  let busy = false;
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
  const report = (err: unknown) => {
    if (!failed) log.warn({ err }, 'cannot promote the alerts that waited for their source: they return later');
    failed = true;
  };
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    running = promoteNext()
      .catch(report)
      .finally(() => {
        busy = false;
      });
  }, INTERVAL_MS);
  return {
    async close() {
      clearInterval(timer);
      await running;
    },
  };
}
