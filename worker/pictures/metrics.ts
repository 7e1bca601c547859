import { Counter, Gauge, Histogram, type Registry } from '@prometheus-io/client';
import { PICTURE_REASONS } from '#media/reasons.ts';

export type PictureMetrics = ReturnType<typeof createPictureMetrics>;

/** A picture takes 0.1 s of CPU; an attempt ends after 45 s. */
const SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

const EVERYWHERE = 'About the whole system, reported by each worker: use max(), not sum().';

/** Creates the metrics of pictures in `registry`. */
export function createPictureMetrics(registry: Registry) {
  const registers = [registry];
  const metrics = {
    pictures: new Counter({
      name: 'alert_pictures_total',
      help: 'Attempts to make a picture. ready, none: the end. retry: another attempt follows. reason: empty for ready.',
      labelNames: ['outcome', 'reason'],
      registers,
    }),
    seconds: new Histogram({
      name: 'alert_picture_seconds',
      help: 'Duration of one attempt to make a picture.',
      buckets: SECONDS,
      registers,
    }),
    bytes: new Counter({
      name: 'alert_picture_bytes_total',
      help: 'Body bytes fetched for pictures, in addition to those of the alerts.',
      registers,
    }),
    pending: new Gauge({
      name: 'pictures_pending',
      help: `Pending pictures, at most 10,001. ${EVERYWHERE}`,
      registers,
    }),
    oldestPending: new Gauge({
      name: 'pictures_oldest_pending_seconds',
      help: `Age of the oldest pending picture; 0 if there is none. ${EVERYWHERE}`,
      registers,
    }),
  };
  metrics.pictures.inc({ outcome: 'ready', reason: '' }, 0);
  metrics.bytes.inc(0);
  for (const reason of Object.keys(PICTURE_REASONS)) {
    metrics.pictures.inc({ outcome: 'none', reason }, 0);
    metrics.pictures.inc({ outcome: 'retry', reason }, 0);
  }
  return metrics;
}
