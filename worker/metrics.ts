import { Counter, Gauge, Histogram, type Registry } from '@prometheus-io/client';
import { FailureCode } from '#prisma/generated/enums.ts';

export type WorkerMetrics = ReturnType<typeof createMetrics>;

/** `aborted`: the worker is stopping or has lost the job. `superseded`: another attempt recorded its result first. */
const ATTEMPT_OUTCOMES = ['processed', 'failed', 'retry', 'aborted', 'superseded'] as const;
export type AttemptOutcome = (typeof ATTEMPT_OUTCOMES)[number];

// From a header in the cache of a nearby server (2 ms) to a slow transfer of one minute. nginx's limits and the timeouts
// of a fetch (10 s) and an attempt (65 s) lie between bucket bounds.
const SECONDS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 65];
/** Waiting times include outages: up to one hour. */
const WAIT_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3_600];
/** An alert is retried for RETRY_HORIZON, by default a day; its last attempt starts at the end of it. */
const END_TO_END_SECONDS = [...WAIT_SECONDS, 14_400, 43_200, 90_000];
/** In a day about 155 attempts, with short delays by chance 175. */
const ATTEMPTS = [1, 2, 3, 5, 10, 20, 50, 100, 200];
/** Doubled up to the default byte budget of 8 MiB. */
const BYTES = [4_096, 16_384, 65_536, 131_072, 262_144, 524_288, 1_048_576, 2_097_152, 4_194_304, 8_388_608];

/** Creates the worker's metrics in `registry`. */
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
      'Time between enqueueing a job and its first attempt.',
      WAIT_SECONDS,
    ),
    processing: histogram('alert_processing_seconds', 'Duration of one attempt.', SECONDS, ['outcome']),
    endToEnd: histogram(
      'alert_end_to_end_seconds',
      'Time from the receipt, or from a retry by an operator, to the final result.',
      END_TO_END_SECONDS,
      ['outcome'],
    ),
    attempts: histogram('alert_attempts', 'Attempts until the final result of an alert.', ATTEMPTS),
    fetchedBytes: histogram('alert_fetched_bytes', 'Body bytes fetched by one attempt.', BYTES),
    requests: histogram('alert_requests', 'HTTP requests sent by one attempt.', [0, 1, 2, 3, 5, 10, 20, 50]),
    attemptFailures: counter('alert_attempt_failures_total', 'Failed attempts, final ones included.', ['code']),
    failed: counter('alerts_failed_total', 'Alerts with the final status failed.', ['code']),
    takenOver: counter(
      'alerts_taken_over_total',
      'Attempts whose worker vanished; counted when their alert reaches its final status.',
    ),
    probes: counter('alert_probes_total', 'Probed videos, by the program that read them.', ['path']),
    notifications: counter('alert_notifications_total', 'Notifications sent or failed.', ['outcome']),
    reconciled: counter('alerts_reconciled_total', 'Jobs enqueued again because the queue had lost them.'),
    ...createGauges(registers),
  };
  initialize(metrics);
  return metrics;
}

function createGauges(registers: Registry[]) {
  return {
    overdue: new Gauge({
      name: 'alerts_overdue',
      help:
        'Unfinished alerts without a change for 15 s, at the last complete check: checked, and those whose job is missing and ' +
        'could not be enqueued. About the whole system, reported by each worker: use max(), not sum().',
      labelNames: ['state'],
      registers,
    }),
  };
}

/** Sets every series to 0, so that it exists from the first scrape: a rate over a series that starts at 1 misses that 1. */
function initialize(metrics: WorkerMetrics): void {
  for (const code of Object.values(FailureCode)) {
    metrics.failed.inc({ code }, 0);
    metrics.attemptFailures.inc({ code }, 0);
  }
  for (const path of ['in_process', 'ffprobe', 'full_file']) metrics.probes.inc({ path }, 0);
  for (const outcome of ['sent', 'failed']) metrics.notifications.inc({ outcome }, 0);
  for (const outcome of ['processed', 'failed']) metrics.endToEnd.zero({ outcome });
  for (const outcome of ATTEMPT_OUTCOMES) metrics.processing.zero({ outcome });
}
