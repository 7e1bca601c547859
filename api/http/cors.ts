import type { RequestHandler } from 'express';

const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE';
const REQUEST_HEADERS =
  'Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, If-Range, Last-Event-ID, Prefer, Range, X-Request-Id';
const RESPONSE_HEADERS =
  'Accept-Ranges, Content-Range, ETag, Idempotency-Replayed, Link, Location, Preference-Applied, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id';

/**
 * Lets pages of these origins, and no others, call the api and read its responses. They must send their key as Bearer:
 * the browser adds no cookie and no Basic credentials.
 */
export function cors(origins: ReadonlySet<string>): RequestHandler {
  return (req, res, next) => {
    const origin = req.get('origin');
    if (origins.size > 0) res.vary('Origin');
    if (origin === undefined || !origins.has(origin)) return next();
    res.set({ 'Access-Control-Allow-Origin': origin, 'Access-Control-Expose-Headers': RESPONSE_HEADERS });
    if (req.method !== 'OPTIONS' || req.get('access-control-request-method') === undefined) return next();
    res
      .set({
        'Access-Control-Allow-Methods': METHODS,
        'Access-Control-Allow-Headers': REQUEST_HEADERS,
        'Access-Control-Max-Age': '600',
      })
      .status(204)
      .end();
  };
}
