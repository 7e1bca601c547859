import type { ClaimedAlert } from '#prisma/alerts.ts';
import type { AttemptOutcome, WorkerMetrics } from './metrics.ts';
import type { Notifier } from './notify/notifier.ts';
import type { Meter } from './video/types.ts';

/** Records how long the job waited in the queue. Only for first deliveries: later ones are delayed on purpose. */
export function countClaim(metrics: WorkerMetrics, alert: ClaimedAlert, queuedAt: Date | undefined): void {
  if (alert.attempts - alert.attemptsBefore !== 1 || queuedAt === undefined) return;
  metrics.queueWait.observe(Math.max(0, Date.now() - queuedAt.getTime()) / 1000);
}

/** Counts one finished attempt. `code` is the failure code, or `internal` for an internal error. */
export function countAttempt(
  metrics: WorkerMetrics,
  alert: ClaimedAlert,
  { outcome, code, ms, meter }: { outcome: AttemptOutcome; code?: string | undefined; ms: number; meter: Meter },
): void {
  metrics.processing.observe({ outcome }, ms / 1000);
  metrics.fetchedBytes.observe(meter.bytesFetched);
  metrics.requests.observe(meter.requests);
  if (code !== undefined) metrics.attemptFailures.inc({ code });
  if (outcome !== 'processed' && outcome !== 'failed') return;
  metrics.endToEnd.observe({ outcome }, Math.max(0, alert.roundAgeMs + ms) / 1000);
  metrics.attempts.observe(alert.attempts - alert.attemptsBefore);
  if (alert.crashes > 0) metrics.takenOver.inc(alert.crashes);
  if (outcome === 'failed' && code !== undefined) metrics.failed.inc({ code });
}

/** Returns a notifier that also counts its notifications. */
export function withNotificationMetrics(notifier: Notifier, { notifications }: WorkerMetrics): Notifier {
  return {
    async notify(notification) {
      try {
        await notifier.notify(notification);
      } catch (error) {
        notifications.inc({ outcome: 'failed' });
        throw error;
      }
      notifications.inc({ outcome: 'sent' });
    },
  };
}
