import { z } from 'zod';
import { store } from '../alerts/schema.ts';

/** Due alerts are counted up to this number. */
export const MAX_COUNTED = 100_001;

const uuid = z.uuid('must be a UUID').toLowerCase();
const instant = z.iso.datetime();

const target = {
  store: store.nullable().default(null).meta({ description: 'null: all stores.' }),
  status: z
    .enum(['processed', 'failed'], 'must be processed, failed or null')
    .nullable()
    .default(null)
    .meta({ description: 'null: both.' }),
};
const days = z
  .int('must be a whole number of days, or null')
  .min(1, 'must be at least 1')
  .max(36_500, 'must be at most 36500')
  .nullable()
  .meta({ description: 'Days after the receipt; null: forever.' });

/** The body of PUT /retention/rules. */
export const newRuleSchema = z.strictObject({ ...target, days }).meta({ id: 'NewRetentionRule' });

/** The body of POST /retention/preview. */
export const previewSchema = z
  .strictObject({
    ...target,
    days: days.optional(),
    remove: z.boolean('must be true or false').default(false).meta({ description: 'Instead of `days`.' }),
  })
  .superRefine(({ days, remove }, context) => {
    if ((days === undefined) === remove) return;
    const message = 'set either days or remove';
    context.addIssue({ code: 'custom', path: ['days'], params: { code: 'required' }, message });
  })
  .meta({ id: 'RetentionPreviewRequest', description: 'A rule that would be set, or with `remove`, deleted.' });

export const rulePathSchema = z.strictObject({ id: uuid });

export const ruleSchema = z
  .strictObject({
    id: z.uuid(),
    store: z.string().nullable(),
    status: z.enum(['processed', 'failed']).nullable(),
    days: z.int().nullable(),
    updated_by: z.string().meta({ description: 'The name of the API key.' }),
    updated_at: instant,
  })
  .meta({ id: 'RetentionRule' });

export const retentionSchema = z
  .strictObject({
    default_days: z.int().nullable().meta({ description: 'RETENTION_DAYS; null: forever.' }),
    rules: z.array(ruleSchema),
    last_run: z
      .strictObject({
        started_at: instant,
        updated_at: instant,
        finished_at: instant.nullable(),
        deleted: z.int(),
        error: z.string().nullable().meta({ description: 'Why it ended early.' }),
      })
      .nullable()
      .meta({ description: 'The last run that had something to delete. Null for a key that is limited to stores.' }),
  })
  .meta({ id: 'Retention' });

export const previewResponseSchema = z
  .strictObject({
    due: z.int().meta({ description: 'Alerts that would be deleted; counted up to 100001.' }),
    oldest: instant.nullable().meta({ description: 'When the oldest of them was received.' }),
  })
  .meta({ id: 'RetentionPreview' });
