import { inSpan } from '#observability/tracing.ts';
import { type ClaimedAlert, claim } from '#prisma/alerts.ts';
import type { AlertJob } from '#redis/contract.ts';
import type { Delivery, JobResult } from '#redis/queue.ts';
import { countClaim } from './attempt-metrics.ts';
import { type HandleJobDeps, startRun } from './attempt-run.ts';
import { VideoError, VideoTimeout, WorkerCrashed } from './errors.ts';
import { handleInternalError, handleVideoError, releaseAborted, waitForSource } from './failed-attempt.ts';
import { notifyOnce, processAlert } from './process-alert.ts';
import { attemptLimitMs, waitingDelayMs } from './retry-policy.ts';
import { type Admission, whileAdmitted } from './source-breaker.ts';
import type { SourceHealth } from './source-health.ts';

/**
 * Claims the job's alert and makes one attempt, unless the source of its video is down. Throws on internal errors such as an
 * unavailable database; the queue then delivers the job again.
 */
export async function handleJob(
  deps: HandleJobDeps,
  job: AlertJob,
  signal: AbortSignal,
  delivery: Partial<Delivery> = {},
): Promise<JobResult> {
  if (signal.aborted) return { kind: 'retry', reason: 'aborted before the attempt' };
  const hinted = deps.sources.of({ store: job.store ?? '', source: job.source ?? null });
  return whileAdmitted(hinted, job.uuid, async (admission) => {
    const ageMs = Date.now() - (delivery.queuedAt?.getTime() ?? 0);
    // The row shows the reason since the alert first waited; after that, waiting costs no write.
    if (admission.kind === 'wait' && !admission.first && ageMs < deps.limits.horizonMs) {
      const delayMs = waitingDelayMs(admission, ageMs, deps.limits);
      const reason = `the source is down: ${admission.failure.detail}`;
      return { kind: 'retry', reason, delayMs, onDelayed: () => hinted.delayed(job.uuid) };
    }
    const claimed = await inSpan('claim', () => claim(deps.db, job.uuid, delivery.queuedAt));
    if (claimed.kind === 'unknown') {
      deps.log.warn({ alert: job.uuid, requestId: job.requestId }, 'job without a row');
      return { kind: 'failed', reason: 'alert not found' };
    }
    if (claimed.kind === 'final') {
      await notifyOnce(deps, claimed.alert);
      return { kind: 'done' };
    }
    const { alert } = claimed;
    const source = deps.sources.of(alert);
    const proceed = (admitted: Admission) => handleClaimed(deps, alert, source, admitted, signal, delivery);
    // The row decides where the video is; what the job says only spares the claims of alerts that wait.
    return source === hinted ? proceed(admission) : whileAdmitted(source, alert.uuid, proceed);
  });
}

async function handleClaimed(
  deps: HandleJobDeps,
  alert: ClaimedAlert,
  source: SourceHealth,
  admission: Admission,
  stop: AbortSignal,
  { stalls = 0, queuedAt }: Partial<Delivery>,
): Promise<JobResult> {
  if (admission.kind === 'wait') return waitForSource(startRun(deps, alert, source, stop), admission);
  countClaim(deps.metrics, alert, queuedAt);
  const { signal, clear } = attemptSignal(stop, attemptLimitMs(alert, deps.limits));
  const run = startRun(deps, alert, source, signal);
  try {
    // The row alone does not prove a crash: while the database accepts claims and rejects every other write, each attempt
    // looks unfinished although its worker lives. The queue alone does not either: it also counts workers that froze.
    if (Math.min(alert.crashes, stalls) >= deps.maxCrashes) {
      throw new WorkerCrashed(`${alert.crashes} attempts started and never finished: the video crashes its worker`);
    }
    const outcome = await processAlert(deps, alert, run.attempt);
    source.responded();
    const ms = run.count(outcome);
    deps.log.info({ ...run.ids, outcome, ms, ...run.attempt.meter }, 'alert handled');
    return { kind: 'done' };
  } catch (error) {
    if (stop.aborted) return await releaseAborted(run);
    if (error instanceof VideoError) return await handleVideoError(run, error);
    return await handleInternalError(run, error);
  } finally {
    clear();
  }
}

/**
 * Returns a signal that aborts with `stop`, or with VideoTimeout after `timeoutMs`. AbortSignal.any and .timeout cost
 * 20 µs more, half of it in garbage collection.
 */
function attemptSignal(stop: AbortSignal, timeoutMs: number): { signal: AbortSignal; clear(): void } {
  const controller = new AbortController();
  const onStop = () => controller.abort(stop.reason);
  const timer = setTimeout(() => controller.abort(new VideoTimeout(`no result within ${timeoutMs} ms`)), timeoutMs);
  if (stop.aborted) onStop();
  else stop.addEventListener('abort', onStop, { once: true });
  return {
    signal: controller.signal,
    clear() {
      clearTimeout(timer);
      stop.removeEventListener('abort', onStop);
    },
  };
}
