import { z } from 'zod';
import type { SilenceRow } from '#prisma/silences.ts';
import { pageLimit } from '../http/query-fields.ts';

/** The query of GET /silences. */
export const silenceQuerySchema = z.strictObject({
  state: z
    .enum(['open', 'all'], 'must be open or all')
    .default('open')
    .meta({ description: '`all`: also those that have ended, for 90 days.' }),
  limit: pageLimit(50),
  cursor: z.string().max(128).optional(),
});

const instant = z.iso.datetime();

export const silenceSchema = z
  .strictObject({
    id: z.uuid(),
    store: z.string().nullable().meta({ description: 'null: nearly all stores at the same time.' }),
    camera: z.string().nullable().meta({ description: 'null: the whole store.' }),
    since: instant.meta({ description: 'The last alert before the silence.' }),
    expected: z.number().meta({ description: 'Alerts that are usually sent until it was reported.' }),
    reported_at: instant.meta({ description: 'When `store.silent` was recorded.' }),
    ended_at: instant.nullable().meta({ description: 'When `store.back` was recorded.' }),
  })
  .meta({ id: 'Silence' });

export const silencePageSchema = z
  .strictObject({ data: z.array(silenceSchema), next_cursor: z.string().nullable() })
  .meta({ id: 'SilencePage' });

/** Returns a silence as responses show it. */
export function presentSilence(row: SilenceRow): z.input<typeof silenceSchema> {
  const { id, store, camera, since, expected, notifiedAt, createdAt, endedAt } = row;
  return {
    ...{ id, store, camera, since: since.toISOString(), expected: Math.round(expected * 10) / 10 },
    reported_at: (notifiedAt ?? createdAt).toISOString(),
    ended_at: endedAt?.toISOString() ?? null,
  };
}
