import type { Logger } from 'pino';
import { isPooled } from '#config/fields.ts';
import type { Config } from '#config/parse.ts';
import { isBlockedAddress } from '#destinations/address-rules.ts';
import { linkKeys } from '#media/links.ts';
import type { MediaStore } from '#media/store.ts';
import { openDatabase } from '#prisma/client.ts';
import { consumeDeliveries } from '#redis/delivery-queue.ts';
import type { workerFields } from '../config.ts';
import { createAddressGuard } from '../notify/address-guard.ts';
import { openKinds } from '../notify/kinds.ts';
import { createDeliverer } from './deliverer.ts';
import { createPictureReader } from './message-picture.ts';
import type { DeliveryMetrics } from './metrics.ts';
import { startSweep } from './sweep.ts';

type Options = {
  /** Of pictures; undefined: messages have none. */
  store: MediaStore | undefined;
  config: Config<typeof workerFields>;
  queueUrl: string;
  log: Logger;
  metrics: DeliveryMetrics;
  onQueueError: (error: Error) => void;
};

/** Triggers handled at the same time; each takes milliseconds. */
const TRIGGERS = 2;

/**
 * Starts to deliver, with connections to the database of its own, so that destinations do not delay alerts. `close` waits
 * `graceMs` for attempts in progress, then releases them.
 */
export function startDeliveries({ config, store, queueUrl, log, metrics, onQueueError }: Options) {
  const onError = (err: unknown) => log.warn({ err }, 'deliveries failed, to be sent later');
  const db = openDatabase(config.DATABASE_URL, { poolSize: 4, pooled: isPooled(config), onError });
  const isBlocked = (address: string) => isBlockedAddress(address, config.DESTINATION_ALLOW_CIDRS);
  const kinds = openKinds(createAddressGuard({ isBlocked }));
  const deliverer = createDeliverer({
    db,
    log,
    metrics,
    kinds,
    secretsKey: config.SECRETS_KEY,
    readPicture: createPictureReader({ db, log, store, keys: linkKeys(config), publicUrl: config.PUBLIC_URL }),
    publicUrl: config.PUBLIC_URL,
    timeoutMs: config.DELIVERY_TIMEOUT_MS,
    backlogRate: config.DELIVERY_BACKLOG_RATE,
    concurrency: config.DELIVERY_CONCURRENCY,
    onError,
  });
  const triggers = consumeDeliveries(queueUrl, deliverer.handle, { concurrency: TRIGGERS, onError: onQueueError });
  const { look, keepOutages } = deliverer;
  const sweep = startSweep({ db, log, metrics, look, keepOutages, lateAfterMs: config.LATE_AFTER });
  return {
    async close(graceMs: number) {
      await Promise.all([sweep.close(), triggers.close(0), deliverer.close(graceMs)]);
      await Promise.all(Object.values(kinds).map((kind) => kind.close?.()));
      await db.$disconnect();
    },
  };
}
