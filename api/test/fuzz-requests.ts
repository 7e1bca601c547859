// Over 250 lines: the values of all routes, which bodies, paths and queries share.
import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import type { RawRequest } from './raw-client.ts';

// The requests of fuzz.long.test.ts. Most are almost valid: others only reach the first check.
const UUIDS = Array.from({ length: 50 }, (_, i) => `35df2857-3a48-4985-aed0-e68b5ae4${String(i).padStart(4, '0')}`);
const NASTY = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '',
  '\u0000',
  '\u202e',
  '💥',
  '\ud800',
  "';--",
  '../..',
  '%00',
  '%',
  '<script>',
];

const uuid = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...UUIDS) },
  { weight: 2, arbitrary: fc.uuid() },
  fc.string(),
);
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.constantFrom(...NASTY),
  fc.string({ maxLength: 30 }),
);
const video = fc.oneof(
  fc.constantFrom(
    '/videos/test_1.avi',
    '/a.mp4',
    '//x/a.mp4',
    '/../a.mp4',
    '/%2e%2e/a.mp4',
    '@evil:80/a.mp4',
    '/a%.mp4',
    'http://x/a.mp4',
  ),
  text.map((name) => `/videos/${name}.mp4`),
  text,
);
const timestamp = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.constantFrom(0, -0, 1e308, 1748871320.6882, 1748871320688),
  text,
);
const instant = fc.oneof(
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  fc.constantFrom(
    '2026-11-22T00:00:00+02:00',
    '2026-13-45T99:99:99Z',
    '0000-01-01T00:00:00Z',
    '9999-12-31T23:59:59.999Z',
    'now',
  ),
);
const store = fc.oneof(fc.constantFrom('a', 'harbour', 'é'.repeat(128)), text);
const status = fc.constantFrom('pending', 'processing', 'processed', 'failed', 'done', '');
const code = fc.constantFrom('video_timeout', 'worker_crashed', 'nothing');

const alert = fc.record({ uuid, video, timestamp, store });
const validAlert = fc.record({
  uuid: fc.constantFrom(...UUIDS),
  video: fc.constantFrom('/videos/test_1.avi', '/a.mp4'),
  timestamp: fc.constantFrom(0, 1748871320.6882),
  store: fc.constantFrom('a', 'harbour'),
});
const invalidAlert = fc.record(
  { uuid: fc.anything(), video: fc.anything(), timestamp: fc.anything(), store: fc.anything(), extra: fc.anything() },
  { requiredKeys: [] },
);
const anyAlert = fc.oneof(validAlert, alert, invalidAlert, fc.anything());
const batch = fc.record(
  {
    alerts: fc.oneof(fc.array(anyAlert, { maxLength: 12 }), fc.constant(Array(501).fill(0)), fc.anything()),
    more: fc.anything(),
  },
  { requiredKeys: ['alerts'] },
);
const filter = fc.record({ store, failure_code: code, from: instant, to: instant, status }, { requiredKeys: [] });
const bulkRetry = fc.record(
  {
    filter: fc.oneof(filter, fc.anything()),
    max: fc.oneof(fc.integer({ min: -1, max: 5_001 }), fc.anything()),
    rate_per_s: fc.oneof(fc.integer({ min: -1, max: 1_001 }), fc.anything()),
    dry_run: fc.oneof(fc.boolean(), fc.anything()),
  },
  { requiredKeys: [] },
);

const kind = fc.constantFrom('webhook', 'email', 'ntfy', 'slack', 'mqtt', 'pager', '');
const url = fc.oneof(
  fc.constantFrom('https://example.com/x', 'http://127.0.0.1/', 'http://[::1', 'mqtt://a', 'file:///etc/passwd', 'x:'),
  fc.webUrl(),
  text,
);
const template = fc.oneof(fc.constantFrom('{{ data.uuid }}', '{% if %}', '{{ a | b }}', '{% include "x" %}'), text);
const config = fc.record(
  {
    url,
    topic: text,
    server: url,
    host: text,
    port: fc.anything(),
    headers: fc.dictionary(text, text),
    template,
    token: text,
  },
  { requiredKeys: [] },
);
const destinationFilter = fc.record(
  { stores: fc.array(store), events: fc.array(fc.constantFrom('alert.failed', 'x')), failure_codes: fc.array(code) },
  { requiredKeys: [] },
);
// Few names: each destination that exists makes GET /destinations slower.
const destinationName = fc.constantFrom('a', 'b', 'c', 'console', '', '\u0000');
const validDestination = fc.oneof(
  fc.record({
    name: destinationName,
    kind: fc.constant('webhook'),
    config: fc.record({ url: fc.constant('https://a.example') }),
  }),
  fc.record({ name: destinationName, kind: fc.constant('ntfy'), config: fc.record({ topic: fc.constant('a') }) }),
);
const anyDestination = fc.record(
  {
    ...{ name: fc.oneof(destinationName, fc.anything()), kind: fc.oneof(kind, fc.anything()) },
    ...{ config: fc.oneof(config, fc.anything()), filter: fc.oneof(destinationFilter, fc.anything()) },
    ...{
      group: fc.oneof(fc.record({ by: fc.constant('store'), wait_s: fc.integer() }), fc.anything()),
      enabled: fc.anything(),
    },
  },
  { requiredKeys: [] },
);
const mute = fc.record(
  {
    ...{ store, failure_code: code, destination: uuid, ends_at: instant, reason: text },
    ...{ duration: fc.oneof(fc.constantFrom('1s', '2h', '400d', '9999999d', '0m', '-1h'), fc.anything()) },
  },
  { requiredKeys: [] },
);
const deliveryRetry = fc.record(
  {
    ...{ destination: uuid, alert: uuid, store, failure_code: code, from: instant, to: instant },
    ...{ max: fc.anything(), rate_per_s: fc.anything(), dry_run: fc.oneof(fc.boolean(), fc.anything()) },
  },
  { requiredKeys: [] },
);
const destinationBody = fc.oneof(validDestination, anyDestination, mute, deliveryRetry);

/** Returns JSON. Values that JSON cannot represent, such as BigInt, become strings. */
function toJson(value: unknown): string {
  const seen = new Set<unknown>();
  const replace = (_key: string, part: unknown) => {
    if (typeof part === 'bigint' || typeof part === 'symbol' || typeof part === 'function') return String(part);
    if (typeof part !== 'object' || part === null) return part;
    if (seen.has(part)) return 'cycle';
    seen.add(part);
    return part;
  };
  return JSON.stringify(value, replace) ?? 'undefined';
}

const json = fc
  .oneof(
    { weight: 3, arbitrary: validAlert },
    { weight: 3, arbitrary: anyAlert },
    batch,
    bulkRetry,
    { weight: 3, arbitrary: destinationBody },
    fc.jsonValue(),
  )
  .map(toJson);
const body = fc.oneof(
  { weight: 10, arbitrary: json },
  json.map((valid) => valid.slice(0, -1)),
  // JSON.parse uses the last of two equal names, and treats __proto__ like any other name.
  validAlert.map((valid) => toJson(valid).replace('{', '{"uuid":"x","store":"twice",')),
  fc.constantFrom(...NASTY).map((name) => `{${JSON.stringify(name)}:{"a":1},"uuid":1}`),
  fc.integer({ min: 1, max: 8_000 }).map((depth) => '['.repeat(depth) + ']'.repeat(depth)),
  fc.integer({ min: 1, max: 2_000 }).map((depth) => '{"alerts":'.repeat(depth)),
  fc.constantFrom(15_000, 17_000, 530_000).map((size) => toJson({ store: 'x'.repeat(size) })),
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  fc.constant(''),
);

const PATHS = [
  ...[
    '/alerts',
    '/alerts/batch',
    '/alerts/retry',
    '/alerts/events',
    '/alerts/export',
    '/stores',
    '/alerts/statistics',
    '/destinations',
    '/destinations/console',
    '/deliveries',
    '/deliveries/retry',
    '/mutes',
    '/keys',
    '/livez',
    '/readyz',
    '/openapi.json',
  ],
  ...[
    '/docs',
    '/docs/start.js',
    '/problems/validation',
    '/problems/',
    '/queues',
    '/queues/api/queues',
    '/',
    '/login',
    '/alerts/',
  ],
];
/** Encodes a path for the request line: Node itself rejects other characters. */
const encodePath = (path: string) =>
  path.replace(/[^\x21-\x7e]/g, (letters) => encodeURI(letters.toWellFormed())) || '/';
const path = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...PATHS) },
  {
    weight: 4,
    arbitrary: fc
      .tuple(uuid, fc.constantFrom('', '/retry', '/timeline', '/x'))
      .map(([id, rest]) => `/alerts/${id}${rest}`),
  },
  fc
    .tuple(
      fc.constantFrom('destinations', 'deliveries', 'mutes'),
      fc.oneof(uuid, fc.constant('console')),
      fc.constantFrom('', '/retry', '/test', '/rotate-secret', '/x'),
    )
    .map(([resource, id, rest]) => `/${resource}/${id}${rest}`),
  text.map((rest) => `/${rest}`),
  text.map((name) => `/problems/${name}`),
);
const anyPair = fc.tuple(
  fc.constantFrom(
    'destination',
    'alert',
    'store',
    'status',
    'failure_code',
    'from',
    'to',
    'limit',
    'cursor',
    'last_event_id',
    ...NASTY,
  ),
  fc.oneof(
    store,
    status,
    code,
    instant,
    fc.integer().map(String),
    fc.base64String({ maxLength: 30 }),
    fc.constantFrom('1.2', '0.0', 'MS4y', '9'.repeat(40)),
  ),
);
const position = fc
  .tuple(fc.bigInt({ min: 0n, max: 10n ** 22n }), fc.bigInt({ min: 0n, max: 10n ** 22n }))
  .map(([first, second]) => `${first}.${second}`);
const pair = fc.oneof(
  { weight: 4, arbitrary: anyPair },
  fc.tuple(
    fc.constant('cursor'),
    position.map((text) => Buffer.from(text).toString('base64url')),
  ),
  fc.tuple(fc.constant('last_event_id'), position),
);
const query = fc
  .array(pair, { maxLength: 3 })
  .map((pairs) =>
    pairs
      .map(([name, value]) => `${encodeURIComponent(name.toWellFormed())}=${encodeURIComponent(value.toWellFormed())}`)
      .join('&'),
  );

const value = fc.string({ maxLength: 60 }).map((letters) => letters.replace(/[^\x20-\x7e]/g, '?'));
const header = fc.oneof(
  fc.tuple(fc.constant('Prefer'), fc.constantFrom('wait=0', 'wait=x', 'wait', 'respond-async', 'wait=-1, wait=2')),
  fc.tuple(fc.constant('If-None-Match'), fc.oneof(fc.constantFrom('*', '"x"', 'W/"x", "y"', '"'), value)),
  fc.tuple(fc.constant('If-Match'), fc.oneof(fc.constantFrom('*', '"x"', 'W/"x", "y"', '"'), value)),
  fc.tuple(fc.constant('Idempotency-Key'), fc.oneof(fc.constantFrom('', 'x', 'a b', 'x'.repeat(256)), value)),
  fc.tuple(fc.constant('Last-Event-ID'), fc.oneof(fc.constantFrom('0.0', '99999999999999999999.1', '1'), value)),
  fc.tuple(
    fc.constantFrom(
      'X-Request-Id',
      'Accept',
      'Origin',
      'Authorization',
      'Cookie',
      'Range',
      'Forwarded',
      'X-Forwarded-For',
    ),
    value,
  ),
  fc.tuple(fc.constant('Content-Encoding'), fc.constantFrom('gzip', 'br', 'identity', 'x')),
  fc.tuple(fc.constant('Sec-Fetch-Site'), fc.constantFrom('cross-site', 'same-origin', 'none')),
);
const type = fc.oneof(
  { weight: 8, arbitrary: fc.constant('application/json') },
  fc.constantFrom(
    'application/json; charset=utf-16',
    'application/json; charset=x',
    'text/plain',
    'application/x-www-form-urlencoded',
    'json',
    '/',
    '',
  ),
);
const method = fc.oneof(
  { weight: 6, arbitrary: fc.constant('POST') },
  { weight: 5, arbitrary: fc.constant('GET') },
  fc.constantFrom('HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'PROPFIND', 'M-SEARCH'),
);

export const request: fc.Arbitrary<RawRequest> = fc
  .record({ method, path, query, type, headers: fc.array(header, { maxLength: 3 }), body })
  .map(({ method, path, query, type, headers, body }) => ({
    method,
    target: encodePath(query === '' ? path : `${path}?${query}`),
    headers: [['Content-Type', type], ...headers],
    body: method === 'GET' || method === 'HEAD' ? Buffer.alloc(0) : Buffer.from(body),
  }));
