import { z } from 'zod';

/** An RFC 3339 time in a query or a body. */
export const dateTime = z.iso
  .datetime({ offset: true, error: 'must be an RFC 3339 date-time', abort: true })
  // PostgreSQL has no year 0.
  .refine((text) => new Date(text).getUTCFullYear() > 0, 'must not be before the year 1')
  .transform((text) => new Date(text));

/** Returns the schema of the query parameter `limit`. OpenAPI shows what a client sends as an integer. */
export function pageLimit(byDefault: number) {
  return z
    .string()
    .regex(/^([1-9]|[1-9]\d|1\d\d|200)$/, 'must be a whole number from 1 to 200')
    .default(`${byDefault}`)
    .transform(Number)
    .meta({
      override({ jsonSchema }: { jsonSchema: Record<string, unknown> }) {
        delete jsonSchema.pattern;
        Object.assign(jsonSchema, { type: 'integer', minimum: 1, maximum: 200, default: byDefault });
      },
    });
}

const UNITS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A duration in a body, such as `30m`; its value is in milliseconds. */
export const duration = z
  .string('must be a string')
  .regex(/^[1-9]\d{0,6}[smhd]$/, 'must be a duration such as 30m, 2h or 7d')
  .transform((text) => Number(text.slice(0, -1)) * (UNITS[text.slice(-1)] ?? Number.NaN));
