import { z } from 'zod';

/** The query of POST /alerts/:uuid/copy. */
export const copyQuerySchema = z.strictObject({
  force: z
    .enum(['true', 'false'], 'must be true or false')
    .default('false')
    .transform((text) => text === 'true')
    .meta({ description: 'Make a copy of a video that browsers should play.' }),
});

/** The state of a copy. */
export const copySchema = z
  .strictObject({
    status: z.enum(['pending', 'ready', 'none']),
    archive: z.boolean().meta({ description: 'A small copy, which is not deleted to make space for others.' }),
    progress: z.number().min(0).max(1),
    width: z.int().nullable(),
    height: z.int().nullable(),
    bytes: z.number().nullable(),
    reason: z.string().nullable().meta({ description: 'A code: why there is none.' }),
    detail: z.string().nullable().meta({ description: 'The reason in one sentence.' }),
    requested_at: z.iso.datetime({ offset: true }).nullable().meta({ description: 'Null: none was requested.' }),
    finished_at: z.iso.datetime({ offset: true }).nullable(),
  })
  .meta({ id: 'Copy' });

export type CopyJson = z.infer<typeof copySchema>;
