import { z } from 'zod';
import { MAX_LINK_SECONDS } from '#media/links.ts';

const SECONDS_ERROR = `must be a whole number from 60 to ${MAX_LINK_SECONDS}`;

/** The body of POST /alerts/:uuid/links. */
export const newLinkSchema = z
  .strictObject({
    of: z.enum(['picture', 'copy'], 'must be picture or copy'),
    expires_in: z
      .int(SECONDS_ERROR)
      .min(60, SECONDS_ERROR)
      .max(MAX_LINK_SECONDS, SECONDS_ERROR)
      .default(3_600)
      .meta({ description: 'Seconds until the link expires.' }),
  })
  .meta({ id: 'NewLink' });

/** A signed link. */
export const linkSchema = z
  .strictObject({
    url: z.url().meta({ description: 'An absolute URL that needs no key. Everyone who has it can read the file.' }),
    expires_at: z.iso.datetime({ offset: true }),
  })
  .meta({ id: 'Link' });

const expires = z
  .string()
  .regex(/^[1-9]\d{0,10}$/)
  .meta({ description: 'Seconds since 1970.' });

/** The query of a signed link. Links are used as they are: parameters in another order are not accepted. */
export const linkQuerySchema = z.strictObject({
  expires,
  key: z
    .string()
    .regex(/^[0-9a-f]{16}$/)
    .meta({ description: 'The id of the key that signed it.' }),
  signature: z
    .string()
    .regex(/^[\w-]{43}$/)
    .meta({ description: 'HMAC-SHA-256, base64url.' }),
});
