import { z } from 'zod';
import { line } from '#destinations/events.ts';
import { store } from '../alerts/schema.ts';
import { DEFAULT_OVERLAP } from '../auth/manage-keys.ts';
import { SCOPES } from '../auth/scopes.ts';
import { dateTime, duration } from '../http/query-fields.ts';

const MAX_OVERLAP_MS = 30 * 86_400_000;
/** Every process keeps all keys in memory. */
const MAX_STORES = 1_000;

const instant = z.iso.datetime();
const id = z.string().regex(/^[0-9a-f]{10}$/, 'must be the id of a key, 10 hexadecimal digits');

const future = dateTime.refine((time) => time.getTime() > Date.now(), {
  error: 'must be in the future',
  params: { code: 'too_small' },
});

const unique = <Item>(items: Item[]) => [...new Set(items)];

/** The body of POST /keys. */
export const newKeySchema = z
  .strictObject({
    name: line(100).meta({ description: 'Who uses the key.' }),
    scopes: z
      .array(z.enum(SCOPES, `must be one of ${SCOPES.join(', ')}`), 'must be a list')
      .min(1, 'must not be empty')
      .transform(unique),
    stores: z
      .array(store, 'must be a list')
      .max(MAX_STORES, `must have at most ${MAX_STORES} items`)
      .transform(unique)
      .prefault([])
      .meta({ description: 'The stores that the key is limited to; empty: all.' }),
    expires_at: future.nullable().default(null).meta({ description: 'Null: never.' }),
  })
  .meta({ id: 'NewKey' });

/** The body of POST /keys/:id/rotate. */
export const rotationSchema = z
  .strictObject({
    overlap: z
      .union([z.literal('0'), duration], 'must be 0, or a duration such as 30m, 2h or 7d')
      .transform((value) => Number(value))
      .refine((ms) => ms <= MAX_OVERLAP_MS, { error: 'must be at most 30d', params: { code: 'too_big' } })
      .prefault(DEFAULT_OVERLAP)
      .meta({ description: 'How long the old key stays valid, such as `24h`; `0`: not at all; at most `30d`.' }),
    expires_at: future
      .nullable()
      .optional()
      .meta({ description: 'Of the new key. Default: it is valid for as long as the old one was at first.' }),
  })
  .meta({ id: 'KeyRotation' });

export const keyPathSchema = z.strictObject({ id });

const keyFields = z.strictObject({
  id,
  name: z.string(),
  scopes: z.array(z.enum(SCOPES)),
  stores: z.array(z.string()).meta({ description: 'Empty: all.' }),
  status: z.enum(['active', 'expired', 'revoked']),
  created_at: instant,
  expires_at: instant.nullable().meta({ description: 'Null: never.' }),
  last_used_at: instant.nullable().meta({ description: 'Accurate to a minute. Null: never.' }),
  revoked_at: instant.nullable(),
  replaced_by: id
    .nullable()
    .meta({ description: 'The id of the key that replaces this one, which is valid until `expires_at`.' }),
  current: z.boolean().meta({ description: 'Whether this key, or its login, sends the request.' }),
});

export const keySchema = keyFields.meta({ id: 'Key' });

export const keyListSchema = z
  .strictObject({ data: z.array(keySchema) })
  .meta({ id: 'KeyList', description: 'Revoked and expired keys, too; oldest first.' });

const key = z
  .string()
  .regex(/^va_[0-9a-f]{10}_[\w-]{43}$/)
  .meta({ description: 'The key itself. It is only in this response.' });

export const createdKeySchema = keyFields.extend({ key }).meta({ id: 'CreatedKey' });

export const rotatedKeySchema = keyFields
  .extend({
    key,
    replaces: z
      .strictObject({ id, valid_until: instant })
      .meta({ description: 'The old key, and until when it is valid.' }),
  })
  .meta({ id: 'RotatedKey' });
