import { Counter, Gauge, Histogram, type Registry } from '@prometheus-io/client';
import { COPY_REASONS } from '#media/reasons.ts';

export type CopyMetrics = ReturnType<typeof createCopyMetrics>;

/** From a few seconds of video to COPY_TIMEOUT, by default 15 min. */
const SECONDS = [0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 900, 1_800, 3_600];

const EVERYWHERE = 'About the whole system, reported by each worker: use max(), not sum().';

/** Creates the metrics of copies in `registry`. */
export function createCopyMetrics(registry: Registry) {
  const registers = [registry];
  const metrics = {
    copies: new Counter({
      name: 'copies_total',
      help: 'Attempts to make a playable copy. retry: failed, and another attempt follows. The reason is that of a failure.',
      labelNames: ['outcome', 'reason'],
      registers,
    }),
    seconds: new Histogram({
      name: 'copy_seconds',
      help: 'Duration of an attempt that made a copy.',
      buckets: SECONDS,
      registers,
    }),
    pending: new Gauge({
      name: 'copies_pending',
      help: `Pending copies, at most 10,001. kind: requested or archive. ${EVERYWHERE}`,
      labelNames: ['kind'],
      registers,
    }),
    oldestPending: new Gauge({
      name: 'copies_oldest_pending_seconds',
      help: `Age of the oldest pending request of a copy; those for the archive do not count. ${EVERYWHERE}`,
      registers,
    }),
    cacheBytes: new Gauge({
      name: 'copy_cache_bytes',
      help: `Size of all copies that can be deleted to make space. ${EVERYWHERE}`,
      registers,
    }),
  };
  for (const outcome of ['ready', 'released', 'superseded']) metrics.copies.inc({ outcome, reason: '' }, 0);
  for (const reason of Object.keys(COPY_REASONS)) metrics.copies.inc({ outcome: 'none', reason }, 0);
  return metrics;
}
