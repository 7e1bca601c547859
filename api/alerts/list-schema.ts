import { z } from 'zod';
import { alertQuerySchema } from './schema.ts';

/** The query of GET /alerts. */
export const alertListQuerySchema = alertQuerySchema
  .extend({
    sort: z.enum(['-received_at', 'received_at']).default('-received_at').meta({
      description:
        'Newest first; `received_at`: oldest first, not with `q`, because a search compares the newest alerts. A cursor is valid for its order only.',
    }),
  })
  .refine(({ q, sort }) => q === undefined || sort === '-received_at', {
    path: ['sort'],
    error: 'must be -received_at in a search',
    params: { code: 'not_in_search' },
  });
