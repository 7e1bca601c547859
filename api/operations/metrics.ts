import { Counter, Gauge, Histogram, type Registry } from '@prometheus-io/client';

export type ApiMetrics = ReturnType<typeof createMetrics>;

/** `deferred`: stored like `created`, but the queue was unavailable. `rejected`: invalid, or not allowed for the key. */
const RESULTS = ['created', 'deferred', 'duplicate', 'conflict', 'rejected'] as const;

/** Registers the metrics of the api. */
export function createMetrics(registry: Registry) {
  const registers = [registry];
  const received = new Counter({
    name: 'alerts_received_total',
    help: 'Alerts that clients sent, by result; created and deferred are stored.',
    labelNames: ['result'],
    registers,
  });
  // From the first scrape on: rate() misses the first increment of a series that starts with 1.
  for (const result of RESULTS) received.inc({ result }, 0);
  const rateLimited = new Counter({
    name: 'rate_limited_total',
    help: 'Requests rejected with 429, by the limit that they exceeded; failed: invalid keys per address.',
    labelNames: ['limit'],
    registers,
  });
  for (const limit of ['address', 'key', 'failed']) rateLimited.inc({ limit }, 0);
  const cachedResponses = new Counter({
    name: 'response_cache_requests_total',
    help: 'Reads of one alert without Prefer: wait, by result: hit, sent from the cache; miss, read from the database.',
    labelNames: ['result'],
    registers,
  });
  for (const result of ['hit', 'miss']) cachedResponses.inc({ result }, 0);
  return {
    registry,
    received,
    rateLimited,
    cachedResponses,
    auditReadsDropped: new Counter({
      name: 'audit_reads_dropped_total',
      help: 'Reads of alerts that the audit log does not have, because the database was unavailable for too long.',
      registers,
    }),
    authFailures: new Counter({
      name: 'auth_failures_total',
      help: 'Requests and logins with an invalid key: unknown, revoked or expired.',
      registers,
    }),
    requestDuration: new Histogram({
      name: 'http_request_duration_seconds',
      help: 'Time from a request to the end of its response, without event streams and Prefer: wait.',
      labelNames: ['route', 'method', 'status'],
      // Most responses take 1 to 10 ms. The timeouts of queue and database are 3 and 5 s, that of a query 10 s.
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3, 5, 10],
      registers,
    }),
  };
}

type Cache = { readonly size: { entries: number; bytes: number } };

/** Registers gauges of the cache of responses. */
export function registerCacheGauges(registry: Registry, cache: Cache): void {
  new Gauge({
    name: 'response_cache_entries',
    help: 'Responses in the cache.',
    registers: [registry],
    collect() {
      this.set(cache.size.entries);
    },
  });
  new Gauge({
    name: 'response_cache_bytes',
    help: 'Approximate memory of the responses in the cache.',
    registers: [registry],
    collect() {
      this.set(cache.size.bytes);
    },
  });
}
