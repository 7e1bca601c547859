import { z } from 'zod';
import type { ZodOpenApiResponseObject } from 'zod-openapi';

const text = (pattern: RegExp, description: string) => z.string().regex(pattern).meta({ description });

/** Every header that an answer is documented with. */
const HEADERS = {
  'X-Request-Id': text(/^[\w.-]{1,128}$/, 'The caller’s own where it is harmless; names the request in the log.'),
  Location: text(/^\/alerts\/[0-9a-f-]{36}$/, 'Where to ask for the alert’s state.'),
  'Retry-After': text(/^[1-9]\d*$/, 'Seconds until asking again makes sense.'),
  ETag: text(/^"[^"]+"$/, 'Strong; send it back as If-None-Match.'),
  'Cache-Control': text(/./, 'Whether and how the answer may be kept.'),
  'Idempotency-Replayed': text(/^true$/, 'The alert was accepted before; nothing was done again.'),
  'Preference-Applied': text(/^wait=([1-9]|1\d|2[0-5])$/, 'How long the answer was held at most.'),
  Link: text(/^<\/alerts\?.+>; rel="next"$/, 'Where another page exists.'),
  'X-Accel-Buffering': text(/^no$/, 'Tells proxies to pass events on as they come.'),
  'WWW-Authenticate': text(/^Bearer realm="alerts"/, 'How a key is shown.'),
} as const;

/** A name with a question mark is of a header that may be missing. */
export type HeaderName = keyof typeof HEADERS | `${keyof typeof HEADERS}?`;

export function headers(...names: HeaderName[]) {
  // Express gives each body an ETag.
  const all: HeaderName[] = ['X-Request-Id', 'ETag?', ...names];
  const entries = all.map((name) => {
    const bare = name.replace('?', '') as keyof typeof HEADERS; // what the type of the name says
    return [bare, name === bare ? HEADERS[bare] : HEADERS[bare].optional()];
  });
  return z.object(Object.fromEntries(entries));
}

/** An answer in JSON; each example is checked against the schema by a test. */
export function json(
  description: string,
  schema: z.ZodType,
  examples: Record<string, unknown>,
  ...names: HeaderName[]
): ZodOpenApiResponseObject {
  const shown = Object.fromEntries(Object.entries(examples).map(([name, value]) => [name, { value }]));
  return { description, content: { 'application/json': { schema, examples: shown } }, headers: headers(...names) };
}
