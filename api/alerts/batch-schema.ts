import { z } from 'zod';
import { AlertStatus } from '#prisma/generated/enums.ts';
import { problemSchema } from './schema.ts';

/** The body of POST /alerts/batch. Its alerts are validated one by one, by newAlertSchema. */
export const batchSchema = z
  .strictObject({
    alerts: z.array(z.unknown()).min(1, 'must contain an alert').max(500, 'must contain at most 500 alerts'),
  })
  .meta({ id: 'Batch' });

export const batchResultSchema = z
  .strictObject({
    index: z.int().meta({ description: 'Position in the batch, from 0.' }),
    uuid: z.uuid().optional().meta({ description: 'Missing if the alert has no valid uuid.' }),
    status: z.int().meta({ description: 'The status of POST /alerts for this alert: 202, 200, 403, 409, 422 or 503.' }),
    dispatch: z.enum(['queued', 'deferred']).optional().meta({ description: 'With 202.' }),
    state: z
      .enum(AlertStatus)
      .optional()
      .meta({ description: 'With 200: the current status of the alert, which was accepted before.' }),
    problem: problemSchema.omit({ instance: true, request_id: true }).optional(),
  })
  .meta({ id: 'BatchResult' });
export type BatchResult = z.output<typeof batchResultSchema>;

export const batchResponseSchema = z
  .strictObject({ results: z.array(batchResultSchema).meta({ description: 'One per alert, in the same order.' }) })
  .meta({ id: 'BatchResponse' });
