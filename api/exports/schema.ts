import { z } from 'zod';
import { alertQuerySchema } from '../alerts/schema.ts';

/** The query of GET /alerts/export: the filters of the list. */
export const exportQuerySchema = alertQuerySchema.omit({ limit: true, cursor: true }).extend({
  bom: z
    .enum(['true', 'false'])
    .default('false')
    .transform((text) => text === 'true')
    .meta({
      description: 'Whether the file begins with a byte order mark, without which Excel does not read it as UTF-8.',
    }),
});
