import type { Logger } from 'pino';
import type { DeliveryQueue } from '#redis/delivery-queue.ts';

/** Requests that workers look for due deliveries of these destinations. Returns at once and never throws. */
export type TriggerDeliveries = (destinationIds: readonly string[]) => void;

/** Returns a trigger that logs an outage of the queue once: the sweep finds the deliveries without it. */
export function createTrigger(queue: Pick<DeliveryQueue, 'trigger'>, log: Logger): TriggerDeliveries {
  let failing = false;
  const succeeded = () => {
    failing = false;
  };
  const failed = (err: unknown) => {
    if (!failing) log.warn({ err }, 'cannot trigger deliveries: they are sent with a delay');
    failing = true;
  };
  return (destinationIds) => {
    for (const destination of destinationIds) queue.trigger({ destination }).then(succeeded, failed);
  };
}
