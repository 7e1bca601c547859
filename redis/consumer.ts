import { setTimeout as sleep } from 'node:timers/promises';
import { waitAtMost } from '#async/timeout.ts';
import type { OpenWorker } from './backend.ts';
import { QUEUE_TIMEOUT_MS } from './contract.ts';
import { messageOnly } from './errors.ts';

export type Consumer = {
  /** Whether it takes jobs: false before the first connection, and after close(). */
  consuming(): boolean;
  /**
   * Takes no more jobs, except one that it is fetching right now. Waits `graceMs` for the jobs in progress, then aborts
   * their signals, so that they are released. A job that has not ended 3 s later is delivered again once its lock expires.
   */
  close(graceMs: number): Promise<void>;
};

const REOPEN_MS = 1_000;

/** Runs the worker that `openWorker` opens, and opens another one while the backend is unavailable. */
export function startConsumer(openWorker: () => OpenWorker, onError: (error: Error) => void): Consumer {
  const closing = new AbortController();
  const report = (error: unknown) => onError(messageOnly(error));
  const open = () => {
    const worker = openWorker();
    worker.bull.on('error', report);
    return worker;
  };
  let worker = open();
  const runWhenReady = async () => {
    while (!closing.signal.aborted) {
      try {
        await worker.bull.waitUntilReady();
      } catch (error) {
        report(error);
        worker.close().catch(report);
        await sleep(REOPEN_MS, undefined, { signal: closing.signal });
        worker = open();
        continue;
      }
      if (!closing.signal.aborted) await worker.bull.run();
      return;
    }
  };
  runWhenReady().catch((error: unknown) => {
    if (!closing.signal.aborted) report(error);
  });
  return {
    consuming: () => worker.bull.isRunning() && !closing.signal.aborted,
    async close(graceMs) {
      closing.abort();
      await closeWorker(worker, graceMs).catch(report);
    },
  };
}

async function closeWorker(worker: OpenWorker, graceMs: number): Promise<void> {
  const grace = setTimeout(() => worker.bull.cancelAllJobs('the worker is stopping'), graceMs);
  await waitAtMost(worker.close(), graceMs + QUEUE_TIMEOUT_MS);
  clearTimeout(grace);
}
