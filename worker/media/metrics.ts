import { Counter, Gauge, type Registry } from '@prometheus-io/client';

export type MediaMetrics = ReturnType<typeof createMediaMetrics>;

/** Creates the metrics of stored files in `registry`. */
export function createMediaMetrics(registry: Registry) {
  const options = { labelNames: ['kind'], registers: [registry] };
  const counter = (name: string, help: string) => new Counter({ name, help, ...options });
  const gauge = (name: string, help: string) => new Gauge({ name, help, ...options });
  const metrics = {
    files: gauge('media_files', 'Stored files at the last hourly check, which one worker makes: use max().'),
    bytes: gauge('media_bytes', 'Bytes of the stored files at the last hourly check: use max().'),
    deleted: counter('media_orphans_deleted_total', 'Stored files that were deleted because no alert had them.'),
    lost: counter('media_files_lost_total', 'Pictures and copies whose stored file was missing.'),
    refused: counter('media_checks_refused_total', 'Checks that changed nothing because most files did not match.'),
  };
  for (const kind of ['picture', 'copy']) {
    for (const each of [metrics.deleted, metrics.lost, metrics.refused]) each.inc({ kind }, 0);
  }
  return metrics;
}
