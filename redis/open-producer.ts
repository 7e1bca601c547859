import type { Queue } from 'bullmq';
import { waitAtMost } from '#async/timeout.ts';
import { type CircuitBreaker, createCircuitBreaker } from './circuit-breaker.ts';
import { QUEUE_TIMEOUT_MS } from './contract.ts';
import { messageOnly } from './errors.ts';
import type { OpenQueue } from './producer.ts';

export type Producer = {
  /** Returns the open queue: another one after a failed first connection. */
  open(): OpenQueue;
  /** BullMQ's queue of `open()`. */
  bull(): Queue;
  /** Every command must run in it. */
  breaker: CircuitBreaker;
  /** One round trip. */
  probe(): Promise<unknown>;
  close(): Promise<void>;
};

/** Opens the queue lazily. A backend that refuses connections is tried at each call, a silent one in the background. */
export function openProducer(openQueue: () => OpenQueue, onError: (error: Error) => void): Producer {
  let opened: OpenQueue | undefined;
  const report = (error: unknown) => onError(messageOnly(error));
  const open = (): OpenQueue => {
    if (opened) return opened;
    const queue = openQueue();
    queue.bull.on('error', report);
    queue.bull.waitUntilReady().catch(() => {
      if (opened === queue) opened = undefined;
      queue.close().catch(report);
    });
    opened = queue;
    return queue;
  };
  const probe = () => open().probe();
  const breaker = createCircuitBreaker(probe);
  return {
    open,
    bull: () => open().bull,
    breaker,
    probe,
    async close() {
      breaker.close();
      const queue = opened;
      opened = undefined;
      if (queue) await waitAtMost(queue.close().catch(report), QUEUE_TIMEOUT_MS);
    },
  };
}
