import { z } from 'zod';
import type { ZodOpenApiResponseObject } from 'zod-openapi';

const text = (pattern: RegExp, description: string) => z.string().regex(pattern).meta({ description });

/** All documented response headers. */
const HEADERS = {
  'X-Request-Id': text(
    /^[\w.-]{1,128}$/,
    'Identifies the request in the log. The client’s own value if it sent a valid one.',
  ),
  Location: text(
    /^\/((alerts|destinations|deliveries)\/[0-9a-f-]{36}(\/copy)?|keys\/[0-9a-f]{10})$/,
    'URL of the alert, its copy, the destination, delivery or key.',
  ),
  'Retry-After': text(/^[1-9]\d*$/, 'Seconds to wait before the next request.'),
  ETag: text(/^"[^"]+"$/, 'A strong ETag; send it as If-None-Match or If-Match.'),
  'Cache-Control': text(/./, 'Whether and how the response may be cached.'),
  'Idempotency-Replayed': text(/^true$/, 'An earlier request did this already; this request changed nothing.'),
  'Preference-Applied': text(/^wait=([1-9]|1\d|2[0-5])$/, 'The maximum wait in seconds that was applied.'),
  'Accept-Ranges': text(/^bytes$/, 'Ranges are supported.'),
  'Content-Range': text(/^bytes (\d+-\d+|\*)\/\d+$/, 'The range of this response and the size of the file.'),
  'Content-Disposition': text(/^(inline|attachment); filename="[\w.-]+"$/, 'The name of the file for saving it.'),
  Link: text(/^<\/(alerts|deliveries|audit|stores|silences)\?.+>; rel="next"$/, 'The next page, if there is one.'),
  'X-Accel-Buffering': text(/^no$/, 'Disables buffering in proxies.'),
  'WWW-Authenticate': text(/^Bearer realm="alerts"/, 'The supported authentication schemes.'),
} as const;

/** A question mark after the name means that the header may be missing. */
export type HeaderName = keyof typeof HEADERS | `${keyof typeof HEADERS}?`;

export function headers(...names: HeaderName[]) {
  // Express adds an ETag to each body.
  const all: HeaderName[] = ['X-Request-Id', 'ETag?', 'Cache-Control?', ...names];
  const entries = all.map((name) => {
    const header = name.replace('?', '') as keyof typeof HEADERS; // by the type HeaderName
    return [header, name === header ? HEADERS[header] : HEADERS[header].optional()];
  });
  return z.object(Object.fromEntries(entries));
}

/** Returns the documentation of a JSON response. */
export function json(
  description: string,
  schema: z.ZodType,
  examples: Record<string, unknown>,
  ...names: HeaderName[]
): ZodOpenApiResponseObject {
  const values = Object.fromEntries(Object.entries(examples).map(([name, value]) => [name, { value }]));
  return { description, content: { 'application/json': { schema, examples: values } }, headers: headers(...names) };
}
