import { z } from 'zod';
import { FailureCode } from '#prisma/generated/enums.ts';
import { dateTime } from '../http/query-fields.ts';
import { store } from './schema.ts';

/** The headers of POST /alerts/:uuid/retry. */
export const retryHeaderSchema = z.strictObject({
  'Idempotency-Key': z
    .string()
    .regex(/^[\x21-\x7e]{1,255}$/, 'must be 1 to 255 visible ASCII characters')
    .optional()
    .meta({ description: 'Chosen by the client for each intended retry, such as a UUID. Kept for 24 h.' }),
  'If-Match': z
    .string()
    .optional()
    .meta({ description: 'The ETag of the state to retry, as GET /alerts/{uuid} has it.' }),
});

/** The body of POST /alerts/retry. */
export const bulkRetrySchema = z
  .strictObject({
    filter: z
      .strictObject({
        store: store.optional(),
        failure_code: z.enum(FailureCode).optional(),
        from: dateTime.optional(),
        to: dateTime.optional(),
      })
      .meta({ description: 'Selects failed alerts; {} selects all. `from` and `to` limit the time of receipt.' }),
    max: z.int().min(1).max(5_000).default(1_000),
    rate_per_s: z.int().min(1).max(1_000).default(50).meta({ description: 'Jobs that start per second.' }),
    dry_run: z
      .boolean()
      .default(true)
      .meta({ description: 'true only reports what would be retried; false retries it.' }),
  })
  .meta({
    id: 'BulkRetry',
    example: { filter: { store: 'test-store', failure_code: 'video_timeout' }, dry_run: true },
  });

export const bulkRetryResponseSchema = z
  .strictObject({
    dry_run: z.boolean(),
    matched: z.int().meta({ description: 'Failed alerts that match.' }),
    selected: z.int().meta({ description: 'Matching alerts within `max`, the oldest first.' }),
    retried: z.int(),
    dispatch: z.enum(['queued', 'deferred']),
    sample: z.array(z.uuid()).meta({ description: 'The first ten selected alerts.' }),
  })
  .meta({ id: 'BulkRetryResponse' });
