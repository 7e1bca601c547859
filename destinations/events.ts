import { z } from 'zod';

/** What a destination can be notified of. */
export const EVENTS = ['alert.processed', 'alert.failed', 'alert.late', 'store.silent', 'store.back'] as const;
export type DestinationEvent = (typeof EVENTS)[number];

/** The event of a delivery. `test` is sent on request only and matches no filter. */
export type DeliveryEvent = DestinationEvent | 'test';

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it rejects
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/** Returns the schema of a text of one line. */
export function line(max: number) {
  return z
    .string('must be a string')
    .min(1, { error: 'must not be empty', abort: true })
    .max(max, { error: `must be at most ${max} characters`, abort: true })
    .refine((text) => !CONTROL_CHARACTER.test(text) && text.isWellFormed(), {
      error: 'must not contain control characters',
      params: { code: 'control_character' },
    });
}

/** Returns the schema of a list without duplicates. */
function unique<Item extends z.ZodType>(item: Item, max: number) {
  return z
    .array(item, 'must be an array')
    .max(max, `must have at most ${max} entries`)
    .transform((items) => [...new Set(items)])
    .default([]);
}

/** Returns the schema of a destination's filter: an empty list matches everything. Failure codes apply to alert.failed only. */
export function filterSchema<Codes extends z.ZodType<string>>(failureCode: Codes) {
  return z.strictObject({
    stores: unique(line(128), 1_000),
    events: unique(z.enum(EVENTS, `must be one of ${EVENTS.join(', ')}`), EVENTS.length),
    failure_codes: unique(failureCode, 100),
  });
}

function seconds(max: number, byDefault: number) {
  const error = `must be a whole number from 0 to ${max}`;
  return z.int(error).min(0, error).max(max, error).default(byDefault);
}

/** Alerts of one store share a message: the first waits `wait_s`, and messages are at least `interval_s` apart. */
export const groupSchema = z.strictObject({
  by: z.literal('store', 'must be "store"'),
  wait_s: seconds(3_600, 30),
  interval_s: seconds(86_400, 300),
});
export type Group = z.output<typeof groupSchema>;
