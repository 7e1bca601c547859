import { setTimeout as sleep } from 'node:timers/promises';
import { withTimeout } from '#async/timeout.ts';
import { QUEUE_TIMEOUT_MS } from './contract.ts';
import { QueueUnavailable } from './errors.ts';

/** A refused connection fails within milliseconds. A call that waited longer had a silent peer. */
const SILENT_AFTER_MS = 1_000;
const PROBE_INTERVAL_MS = 1_000;

/** Waits for a silent queue once instead of once per call. */
export type CircuitBreaker = {
  /** Returns the call's value within 3 s. Throws QueueUnavailable: at once while the breaker is open. */
  run<T>(call: () => Promise<T>): Promise<T>;
  /** Stops probing. */
  close(): void;
};

/** While the breaker is open, `probe` runs in the background until it succeeds. */
export function createCircuitBreaker(probe: () => Promise<unknown>): CircuitBreaker {
  const closing = new AbortController();
  let openedBy: QueueUnavailable | undefined;
  const probeUntilAvailable = async () => {
    while (!closing.signal.aborted) {
      try {
        await withQueueTimeout(probe());
        return;
      } catch (error) {
        if (!(error instanceof QueueUnavailable)) throw error;
      }
      await sleep(PROBE_INTERVAL_MS, undefined, { signal: closing.signal }).catch(() => {}); // aborted: the loop ends
    }
  };
  const open = (error: QueueUnavailable) => {
    if (openedBy) return;
    openedBy = error;
    void probeUntilAvailable().finally(() => {
      openedBy = undefined;
    });
  };
  return {
    async run(call) {
      if (openedBy) throw new QueueUnavailable(openedBy.cause);
      const start = performance.now();
      try {
        return await withQueueTimeout(call());
      } catch (error) {
        const silent = performance.now() - start > SILENT_AFTER_MS;
        if (silent && error instanceof QueueUnavailable) open(error);
        throw error;
      }
    },
    close: () => closing.abort(),
  };
}

async function withQueueTimeout<T>(promise: Promise<T>): Promise<T> {
  return withTimeout(promise, QUEUE_TIMEOUT_MS).catch((error: unknown) => {
    throw new QueueUnavailable(error);
  });
}
