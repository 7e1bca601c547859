import { Counter, Histogram, type Registry } from '@prometheus-io/client';

export type ApiMetrics = ReturnType<typeof createMetrics>;

/** What became of an alert that was sent: `deferred` is stored like `created`, but the queue did not take its job. */
export type Received = 'created' | 'deferred' | 'duplicate' | 'conflict' | 'refused';

/** What the api counts; the registry prints it for Prometheus. */
export function createMetrics(registry: Registry) {
  const registers = [registry];
  const received = new Counter({
    name: 'alerts_received_total',
    help: 'Alerts sent by callers, by what became of them; created and deferred are stored.',
    labelNames: ['result'],
    registers,
  });
  // From the first scrape on: a rate over a series that begins with 1 misses the 1.
  for (const result of ['created', 'deferred', 'duplicate', 'conflict', 'refused']) received.inc({ result }, 0);
  return {
    registry,
    received,
    withQueueTimeout: new Histogram({
      name: 'http_request_duration_seconds',
      help: 'Time from a request to the end of its answer; not of streams and waits, which last as long as the caller asks.',
      labelNames: ['route', 'method', 'status'],
      // An answer takes 1 to 10 ms; 3 and 5 s are the time limits of queue and database, 10 s the query limit.
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3, 5, 10],
      registers,
    }),
  };
}
