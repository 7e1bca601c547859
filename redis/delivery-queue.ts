import { type Queue, UnrecoverableError } from 'bullmq';
import { z } from 'zod';
import { createMicroBatcher } from '#async/micro-batch.ts';
import { openWorker } from './backend.ts';
import { type Consumer, startConsumer } from './consumer.ts';
import { DELIVERY_QUEUE_NAME } from './contract.ts';
import { openProducer } from './open-producer.ts';
import { openQueue } from './producer.ts';

const triggerSchema = z.union([z.object({ destination: z.uuid() }), z.object({ delivery: z.uuid() })]);

/**
 * A request to look for due deliveries of a destination, or for this one delivery. It holds nothing else: the rows in
 * `deliveries` are the outbox, and workers find due ones without a trigger, only later.
 */
export type Trigger = z.infer<typeof triggerSchema>;

export type DeliveryQueue = {
  /**
   * Adds the trigger; has no effect if the same one waits. Triggers added at the same time share one command. Throws
   * QueueUnavailable.
   */
  trigger(trigger: Trigger): Promise<void>;
  /** BullMQ's queue, for Bull Board. A new object after a failed connection. */
  bull(): Queue;
  close(): Promise<void>;
};

const JOB_NAME = 'deliver';

/** Opens the producer lazily, as openAlertQueue does. */
export function openDeliveryQueue(url: string, onError: (error: Error) => void): DeliveryQueue {
  const { bull, breaker, close } = openProducer(() => openQueue(url, DELIVERY_QUEUE_NAME), onError);
  const batcher = createMicroBatcher<Trigger, void>({
    async run(triggers) {
      // Results that are recorded together trigger the same destinations: one job for each.
      const jobs = new Map(triggers.map((trigger) => [triggerId(trigger), trigger]));
      await breaker.run(() => bull().addBulk([...jobs].map(([id, trigger]) => jobOf(id, trigger))));
      return triggers.map(() => undefined);
    },
  });
  return { trigger: batcher.add, bull, close };
}

function triggerId(trigger: Trigger): string {
  return 'delivery' in trigger ? trigger.delivery : trigger.destination;
}

function jobOf(jobId: string, data: Trigger) {
  // A kept job would suppress all further triggers with its id.
  return { name: JOB_NAME, data, opts: { jobId, attempts: 1, removeOnComplete: true, removeOnFail: true } };
}

/**
 * Opens the consumer: calls `handler` with each trigger. A trigger whose handler throws is dropped. Waits for a backend
 * that is unavailable, now or later.
 */
export function consumeDeliveries(
  url: string,
  handler: (trigger: Trigger) => Promise<void>,
  options: { concurrency: number; onError: (error: Error) => void },
): Consumer {
  const processor = async ({ data }: { data: unknown }) => {
    const trigger = triggerSchema.safeParse(data);
    if (!trigger.success) throw new UnrecoverableError('invalid trigger');
    await handler(trigger.data);
  };
  return startConsumer(() => openWorker(url, DELIVERY_QUEUE_NAME, processor, options), options.onError);
}
