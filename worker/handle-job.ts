import type { Logger } from 'pino';
import { inSpan, traceId } from '#observability/tracing.ts';
import { type ClaimedAlert, claim, release } from '#prisma/alerts.ts';
import { DatabaseUnavailable } from '#prisma/errors.ts';
import { type AlertJob, backoffMs } from '#redis/contract.ts';
import type { Delivery, JobResult } from '#redis/queue.ts';
import { countAttempt, countClaim } from './attempt-metrics.ts';
import { VideoError, VideoNotFound, VideoTimeout, WorkerCrashed } from './errors.ts';
import type { AttemptOutcome, WorkerMetrics } from './metrics.ts';
import type { OutageLog } from './outage-log.ts';
import { type Attempt, failAlert, notifyOnce, type ProcessDeps, processAlert } from './process-alert.ts';

export type HandleJobDeps = ProcessDeps & {
  log: Logger;
  metrics: WorkerMetrics;
  outages: OutageLog;
  maxAttempts: number;
  maxCrashes: number;
  attemptTimeoutMs: number;
};

/** An alert can arrive before its video is uploaded: during this time after receipt, a missing video is retried. */
const UPLOAD_GRACE_MS = 10_000;

/**
 * Claims the job's alert and makes one attempt. This is the only place that logs failures and that decides between
 * another attempt and a final result. Throws on internal errors such as an unavailable database; the queue then delivers
 * the job again.
 */
export async function handleJob(
  deps: HandleJobDeps,
  job: AlertJob,
  signal: AbortSignal,
  delivery: Partial<Delivery> = {},
): Promise<JobResult> {
  if (signal.aborted) return { kind: 'retry', reason: 'aborted before the attempt' };
  const claimed = await inSpan('claim', () => claim(deps.db, job.uuid, delivery.queuedAt));
  if (claimed.kind === 'unknown') {
    deps.log.warn({ alert: job.uuid, requestId: job.requestId }, 'job without a row');
    return { kind: 'failed', reason: 'alert not found' };
  }
  if (claimed.kind === 'final') {
    await notifyOnce(deps, claimed.alert);
    return { kind: 'done' };
  }
  countClaim(deps.metrics, claimed.alert, delivery.queuedAt);
  return attemptAlert(deps, claimed.alert, signal, delivery);
}

/** One attempt from its claim to its end. */
type Run = {
  deps: HandleJobDeps;
  alert: ClaimedAlert;
  attempt: Attempt;
  /** Fields of every log line about the attempt. */
  ids: object;
  /** Counts the end of the attempt; returns its duration in milliseconds. */
  count: (outcome: AttemptOutcome, code?: string) => number;
};

async function attemptAlert(
  deps: HandleJobDeps,
  alert: ClaimedAlert,
  stop: AbortSignal,
  { number: deliveries = 1, stalls = 0 }: Partial<Delivery>,
): Promise<JobResult> {
  const { signal, clear } = attemptSignal(stop, deps.attemptTimeoutMs);
  const run = startRun(deps, alert, signal);
  try {
    // The row alone does not prove a crash: while the database accepts claims and rejects every other write, each attempt
    // looks unfinished although its worker lives. The queue alone does not either: it also counts workers that froze.
    if (Math.min(alert.crashes, stalls) >= deps.maxCrashes) {
      throw new WorkerCrashed(`${alert.crashes} attempts started and never finished: the video crashes its worker`);
    }
    const outcome = await processAlert(deps, alert, run.attempt);
    deps.outages.responded();
    const ms = run.count(outcome);
    deps.log.info({ ...run.ids, outcome, ms, ...run.attempt.meter }, 'alert handled');
    return { kind: 'done' };
  } catch (error) {
    if (stop.aborted) return await releaseAborted(run);
    if (error instanceof VideoError) return await handleVideoError(run, error, deliveries);
    return await handleInternalError(run, error);
  } finally {
    clear();
  }
}

function startRun(deps: HandleJobDeps, alert: ClaimedAlert, signal: AbortSignal): Run {
  const started = performance.now();
  const meter = { bytesFetched: 0, requests: 0 };
  return {
    deps,
    alert,
    attempt: { lease: { uuid: alert.uuid, claim: alert.claims }, meter, signal },
    ids: { alert: alert.uuid, requestId: alert.requestId, attempt: alert.attempts, traceId: traceId() },
    count(outcome, code) {
      const ms = performance.now() - started;
      countAttempt(deps.metrics, alert, { outcome, code, ms, meter });
      return Math.round(ms);
    },
  };
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

/** The worker is stopping or has lost the job: the attempt does not count. */
async function releaseAborted({ deps, attempt, ids, count }: Run): Promise<JobResult> {
  count('aborted');
  deps.log.info(ids, 'attempt aborted: the worker is stopping or has lost the job');
  await release(deps.db, attempt.lease, attempt.meter.bytesFetched, { refund: true });
  return { kind: 'retry', reason: 'attempt aborted' };
}

/** The video or its server failed: retries, or fails the alert if no attempt is left or none can help. */
async function handleVideoError(run: Run, error: VideoError, deliveries: number): Promise<JobResult> {
  const { deps, alert, attempt, ids, count } = run;
  const { code, message: detail, retryAfterMs } = error;
  const reason = `${code}: ${detail}`;
  const outage = !error.permanent && deps.outages.failed({ code, detail });
  if (error.permanent && attempt.meter.requests > 0) deps.outages.responded();
  if (isLastAttempt(run) || (error.permanent && !mayStillArrive(error, alert))) {
    // During an outage one warning describes it, not one per alert.
    deps.log[outage ? 'info' : 'warn']({ ...ids, code, detail, err: error.cause, ...attempt.meter }, 'alert failed');
    count(await failAlert(deps, error, alert, attempt), code);
    return { kind: 'failed', reason };
  }
  const delayMs = backoffMs(deliveries, retryAfterMs);
  deps.log.info({ ...ids, code, detail, delayMs }, 'attempt failed, will retry');
  count('retry', code);
  await release(deps.db, attempt.lease, attempt.meter.bytesFetched, { refund: false, error: reason, delayMs });
  return { kind: 'retry', reason, delayMs };
}

/** Our program or its environment failed: throws, so that the queue delivers the job again; the last attempt fails the alert. */
async function handleInternalError(run: Run, error: unknown): Promise<JobResult> {
  const { deps, alert, attempt, ids, count } = run;
  const refund = isEnvironmental(error);
  deps.log.error({ ...ids, err: error }, 'attempt failed: internal error');
  if (isLastAttempt(run) && !refund) {
    const crashed = new WorkerCrashed(`the worker failed ${deps.maxAttempts} times on this alert`);
    count(await failAlert(deps, crashed, alert, attempt), crashed.code);
    return { kind: 'failed', reason: crashed.code };
  }
  count('retry', 'internal');
  await release(deps.db, attempt.lease, attempt.meter.bytesFetched, { refund });
  throw error;
}

function isLastAttempt({ deps, alert }: Run): boolean {
  return alert.attempts - alert.attemptsBefore - alert.crashes >= deps.maxAttempts;
}

/** The database is unavailable, the disk is full, or ffprobe is missing: temporary, and not an attempt at the video. */
function isEnvironmental(error: unknown): boolean {
  if (error instanceof DatabaseUnavailable) return true;
  if (!(error instanceof Error)) return false;
  return 'syscall' in error || isEnvironmental(error.cause);
}

function mayStillArrive(error: VideoError, alert: ClaimedAlert): boolean {
  return error instanceof VideoNotFound && alert.ageMs < UPLOAD_GRACE_MS;
}
