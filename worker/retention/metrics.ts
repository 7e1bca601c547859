import { Counter, Gauge, type Registry } from '@prometheus-io/client';

export type RetentionMetrics = ReturnType<typeof createRetentionMetrics>;

/** Creates the metrics of retention in `registry`. One worker deletes for all: use max() and sum(). */
export function createRetentionMetrics(registry: Registry) {
  const registers = [registry];
  return {
    deleted: new Counter({ name: 'retention_deleted_total', help: 'Alerts deleted because of their age.', registers }),
    due: new Gauge({
      name: 'retention_due_rows',
      help: 'Alerts that were due when the last run of this worker began and have not been deleted; counted up to 100000.',
      registers,
    }),
    failing: new Gauge({
      name: 'retention_failing',
      help: '1 if the last run of this worker failed, or could not archive what it would have deleted.',
      registers,
    }),
    archive: createArchiveMetrics(registers),
    lastSuccess: new Gauge({
      name: 'retention_last_success_timestamp_seconds',
      help: 'When a run of this worker last deleted all alerts that were due; 0: never.',
      registers,
    }),
  };
}

function createArchiveMetrics(registers: Registry[]) {
  return {
    rows: new Counter({
      name: 'archive_rows_total',
      help: 'Alerts written to the archive before their deletion.',
      registers,
    }),
    failing: new Gauge({
      name: 'archive_failing',
      help: '1 if this worker could not archive the alerts that it would have deleted.',
      registers,
    }),
    lastSuccess: new Gauge({
      name: 'archive_last_success_timestamp_seconds',
      help: 'When this worker last wrote to the archive; 0: never.',
      registers,
    }),
  };
}
