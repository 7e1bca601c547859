import type { Logger } from 'pino';
import type { DeliveryQueue, Trigger } from '#redis/delivery-queue.ts';

/** Makes a worker look for due deliveries now. */
export type TriggerDelivery = (trigger: Trigger) => Promise<void>;

/** Without the queue, workers find due deliveries of enabled destinations by themselves, some seconds later. */
export function createDeliveryTrigger(queue: Pick<DeliveryQueue, 'trigger'>, log: Logger): TriggerDelivery {
  return async (trigger) => {
    await queue.trigger(trigger).catch((err) => log.warn({ err, ...trigger }, 'delivery not triggered'));
  };
}
