import { Counter, Gauge, Histogram, type Registry } from '@prometheus-io/client';
import { DESTINATION_KINDS } from '../notify/kind.ts';

export type DeliveryMetrics = ReturnType<typeof createDeliveryMetrics>;

/** A send ends after DELIVERY_TIMEOUT_MS, by default 10 s. */
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

const EVERYWHERE = 'About the whole system, reported by each worker: use max(), not sum().';

/** Creates the metrics of deliveries in `registry`. Destinations appear by name; there are few. */
export function createDeliveryMetrics(registry: Registry) {
  const registers = [registry];
  const gauge = (name: string, help: string) =>
    new Gauge({ name, help: `${help} ${EVERYWHERE}`, labelNames: ['destination'], registers });
  const metrics = {
    deliveries: new Counter({
      name: 'deliveries_total',
      help: 'Attempts to deliver, by kind of destination. retry: failed, and another attempt follows.',
      labelNames: ['kind', 'outcome'],
      registers,
    }),
    seconds: new Histogram({
      name: 'delivery_seconds',
      help: 'Duration of one attempt to deliver.',
      buckets: SECONDS,
      labelNames: ['kind'],
      registers,
    }),
    muted: new Counter({
      name: 'deliveries_muted_total',
      help: 'Deliveries that a mute matched: recorded, but not sent.',
      registers,
    }),
    pending: gauge('deliveries_pending', 'Pending deliveries, at most 10,001.'),
    oldestPending: gauge(
      'deliveries_oldest_pending_seconds',
      'Age of the oldest pending delivery; 0 if there is none.',
    ),
    failures: gauge(
      'destination_consecutive_failures',
      'Failed attempts in a row; 0 while the destination is disabled.',
    ),
    disabled: gauge('destination_disabled', '1 after a receiver disabled the destination with 410 Gone.'),
  };
  for (const kind of DESTINATION_KINDS) {
    for (const outcome of ['delivered', 'retry', 'failed']) metrics.deliveries.inc({ kind, outcome }, 0);
  }
  return metrics;
}
