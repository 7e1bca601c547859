import { Counter, Histogram, type Registry } from '@prometheus-io/client';
import { FailureCode } from '#prisma/generated/enums.ts';

export type WorkerMetrics = ReturnType<typeof createMetrics>;

/** What an attempt came to. `broken_off`: the worker stops or has lost the job; `superseded`: another one was first. */
export type AttemptOutcome = 'processed' | 'failed' | 'retry' | 'broken_off' | 'superseded';

// From a header that lies in the cache of a near server (2 ms) to a minute of slow drops; nginx' own and the time limits
// of fetch (10 s) and attempt (65 s) fall between bounds.
const SECONDS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 65];
/** A wait may also last for an outage: up to an hour. */
const WAITS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3_600];
/** Windows of 64 KiB, doubled up to the default budget of 8 MiB. */
const BYTES = [4_096, 16_384, 65_536, 131_072, 262_144, 524_288, 1_048_576, 2_097_152, 4_194_304, 8_388_608];

/** What the worker counts; the registry prints it for Prometheus. */
export function createMetrics(registry: Registry) {
  const registers = [registry];
  const histogram = <Label extends string>(name: string, help: string, buckets: number[], labelNames: Label[] = []) =>
    new Histogram({ name, help, buckets, labelNames, registers });
  const counter = <Label extends string>(name: string, help: string, labelNames: Label[] = []) =>
    new Counter({ name, help, labelNames, registers });
  const metrics = {
    registry,
    queueWait: histogram(
      'alert_queue_wait_seconds',
      'From the job’s entry into the queue to its first attempt.',
      WAITS,
    ),
    processing: histogram('alert_processing_seconds', 'Of one attempt, by what it came to.', SECONDS, ['outcome']),
    endToEnd: histogram('alert_end_to_end_seconds', 'From receipt to result.', WAITS, ['outcome']),
    attempts: histogram('alert_attempts', 'Attempts that an alert took to its end.', [1, 2, 3, 5, 8, 12]),
    fetchedBytes: histogram('alert_fetched_bytes', 'Body bytes fetched by one attempt.', BYTES),
    requests: histogram('alert_requests', 'HTTP requests sent by one attempt.', [0, 1, 2, 3, 5, 10, 20, 50]),
    attemptFailures: counter('alert_attempt_failures_total', 'Attempts that failed, the last one included.', ['code']),
    failed: counter('alerts_failed_total', 'Alerts that ended failed.', ['code']),
    takenOver: counter('alerts_taken_over_total', 'Attempts whose worker vanished, counted when their alert ends.'),
    probes: counter('alert_probes_total', 'Videos read, by who could.', ['path']),
    notifications: counter('alert_notifications_total', 'Notifications, given or not.', ['outcome']),
    reconciled: counter('alerts_reconciled_total', 'Jobs sent again because the queue had lost them.'),
  };
  // From the first scrape on: a rate over a series that begins with 1 misses the 1.
  for (const code of Object.values(FailureCode)) {
    metrics.failed.inc({ code }, 0);
    metrics.attemptFailures.inc({ code }, 0);
  }
  for (const path of ['in_process', 'ffprobe', 'full_file']) metrics.probes.inc({ path }, 0);
  for (const outcome of ['told', 'failed']) metrics.notifications.inc({ outcome }, 0);
  for (const outcome of ['processed', 'failed']) metrics.endToEnd.zero({ outcome });
  for (const outcome of ['processed', 'failed', 'retry', 'broken_off', 'superseded'])
    metrics.processing.zero({ outcome });
  return metrics;
}
