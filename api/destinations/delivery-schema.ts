import { z } from 'zod';
import { EVENTS } from '#destinations/events.ts';
import { KINDS } from '#destinations/kinds.ts';
import { DeliveryStatus } from '#prisma/generated/enums.ts';
import { store } from '../alerts/schema.ts';
import { dateTime, pageLimit } from '../http/query-fields.ts';
import { failureCode, instant, uuid } from './schema.ts';

const status = z.enum(DeliveryStatus);

/** The query of GET /deliveries. */
export const deliveryQuerySchema = z.strictObject({
  destination: uuid.optional(),
  alert: uuid.optional(),
  status: status.optional(),
  from: dateTime.optional(),
  to: dateTime.optional(),
  limit: pageLimit(50),
  cursor: z.string().max(128).optional(),
});

export const deliveryPathSchema = z.strictObject({ id: uuid });

export const deliverySchema = z
  .strictObject({
    id: z.uuid().meta({ description: 'The same on every attempt; of a webhook, the `webhook-id`.' }),
    destination: z.strictObject({ id: z.uuid(), name: z.string(), kind: z.enum(KINDS) }),
    alert: z.uuid().nullable(),
    store: z.string().nullable(),
    event: z.enum([...EVENTS, 'test']),
    status,
    attempts: z.int().meta({ description: 'Attempts so far, in all rounds.' }),
    next_attempt_at: instant.nullable().meta({ description: 'While it is pending: when the next attempt may start.' }),
    created_at: instant,
    delivered_at: instant.nullable(),
    error: z.string().nullable().meta({ description: 'Why the last attempt failed.' }),
    response: z
      .strictObject({ status: z.int().nullable(), body: z.string().nullable() })
      .nullable()
      .meta({ description: 'The last response of the receiver, with at most 1 kB of its body.' }),
    history: z
      .array(z.strictObject({ at: instant, status: z.int().nullable(), error: z.string().nullable(), ms: z.number() }))
      .meta({ description: 'The last 20 attempts.' }),
    message: z.uuid().nullable().meta({ description: 'With grouping: the delivery whose message contains this one.' }),
    mute: z.uuid().nullable().meta({ description: 'The mute because of which it was not sent.' }),
    links: z.strictObject({ self: z.string() }),
  })
  .meta({ id: 'Delivery' });

export const deliveryPageSchema = z
  .strictObject({ data: z.array(deliverySchema), next_cursor: z.string().nullable() })
  .meta({ id: 'DeliveryPage' });

/** The body of POST /deliveries/retry. */
export const deliveryRetrySchema = z
  .strictObject({
    destination: uuid.optional(),
    alert: uuid.optional(),
    store: store.optional(),
    failure_code: failureCode.optional(),
    from: dateTime.optional(),
    to: dateTime.optional(),
    max: z.int().min(1).max(10_000).default(1_000),
    rate_per_s: z
      .int()
      .min(1)
      .max(1_000)
      .optional()
      .meta({ description: 'Deliveries that start per second. Default: DELIVERY_BACKLOG_RATE.' }),
    dry_run: z
      .boolean()
      .default(true)
      .meta({ description: 'true only reports what would be retried; false retries it.' }),
  })
  .meta({ id: 'DeliveryRetry', description: 'Selects failed deliveries; {} selects all.' });

export const deliveryRetryResponseSchema = z
  .strictObject({
    dry_run: z.boolean(),
    matched: z.int().meta({ description: 'Failed deliveries that match; counted up to 100001.' }),
    selected: z.int().meta({ description: 'Matching deliveries within `max`, the oldest first.' }),
    retried: z.int(),
  })
  .meta({ id: 'DeliveryRetryResponse' });
