import { z } from 'zod';
import { AUDIT_ACTIONS } from '#prisma/audit.ts';
import { dateTime, pageLimit } from '../http/query-fields.ts';

const text = z.string().min(1, 'must not be empty').max(200, 'must be at most 200 characters');

/** The query of GET /audit. */
export const auditQuerySchema = z.strictObject({
  actor: text.optional().meta({ description: 'The id of a key; `anonymous`, `link`, `cli` or `worker`.' }),
  action: z.enum(AUDIT_ACTIONS).optional(),
  target: text.optional().meta({ description: 'The uuid of an alert, the id of a key, a destination or a mute.' }),
  from: dateTime.optional(),
  to: dateTime.optional(),
  limit: pageLimit(50),
  cursor: z.string().max(128).optional(),
});

export const auditEntrySchema = z
  .strictObject({
    id: z.int().meta({ description: 'Without gaps, in the order of the log.' }),
    at: z.iso.datetime(),
    actor: z.strictObject({
      id: z.string().meta({
        description: 'The id of a key; `anonymous` without one, `link` for a signed link, `cli` or `worker`.',
      }),
      name: z.string().nullable().meta({ description: 'The name that the key had.' }),
      address: z.string().nullable().meta({ description: 'The IP address of the client.' }),
    }),
    action: z.string(),
    target: z.string().nullable(),
    details: z.looseObject({}),
    hash: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .meta({ description: 'SHA-256 of the hash of the entry before and of this entry.' }),
  })
  .meta({ id: 'AuditEntry' });

export const auditPageSchema = z
  .strictObject({ data: z.array(auditEntrySchema), next_cursor: z.string().nullable() })
  .meta({ id: 'AuditPage' });
