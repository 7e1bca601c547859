import { setTimeout as sleep } from 'node:timers/promises';
import { withTimeout } from '#async/timeout.ts';
import { QUEUE_TIMEOUT_MS } from './contract.ts';
import { QueueUnavailable } from './errors.ts';

/** Who is refused learns it within milliseconds; whoever waited longer had nobody at the other end. */
const SILENCE_MS = 1_000;
const ASK_AGAIN_MS = 1_000;

/** Waits for a silent queue once, not once for each question. */
export type CircuitBreaker = {
  /** The answer, within 3 s; at once QueueUnavailable while the queue is known to be silent. */
  ask<T>(question: () => Promise<T>): Promise<T>;
  /** Asks no more. */
  close(): void;
};

/** `probe` is asked in the background while the queue is silent, until it is answered. */
export function createCircuitBreaker(probe: () => Promise<unknown>): CircuitBreaker {
  const closing = new AbortController();
  let silence: QueueUnavailable | undefined;
  const outwait = async () => {
    while (!closing.signal.aborted) {
      try {
        await withQueueTimeout(probe());
        return;
      } catch (error) {
        if (!(error instanceof QueueUnavailable)) throw error;
      }
      await sleep(ASK_AGAIN_MS, undefined, { signal: closing.signal }).catch(() => {}); // closed: seen above
    }
  };
  const fallSilent = (fault: QueueUnavailable) => {
    if (silence) return;
    silence = fault;
    void outwait().finally(() => {
      silence = undefined;
    });
  };
  return {
    async ask(question) {
      if (silence) throw new QueueUnavailable(silence.cause);
      const asked = performance.now();
      try {
        return await withQueueTimeout(question());
      } catch (error) {
        const waited = performance.now() - asked > SILENCE_MS;
        if (waited && error instanceof QueueUnavailable) fallSilent(error);
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
