import type { Logger } from 'pino';
import { inSpan, traceId } from '#observability/tracing.ts';
import { type ClaimedAlert, claim, release } from '#prisma/alerts.ts';
import { DatabaseUnavailable } from '#prisma/errors.ts';
import type { AlertJob } from '#redis/contract.ts';
import type { Delivery, JobResult } from '#redis/queue.ts';
import { countAttempt, countClaim } from './attempt-metrics.ts';
import { VideoError, VideoNotFound, VideoTimeout, WorkerCrashed } from './errors.ts';
import type { AttemptOutcome, WorkerMetrics } from './metrics.ts';
import type { OutageLog } from './outage-log.ts';
import { type Attempt, type Failure, failAlert, notifyOnce, type ProcessDeps, processAlert } from './process-alert.ts';
import { attemptLimitMs, isOverdueAfter, limitText, nextStep, type RetryLimits } from './retry-policy.ts';
import type { Admission, SourceBreaker, Waiting } from './source-breaker.ts';

export type HandleJobDeps = ProcessDeps & {
  log: Logger;
  metrics: WorkerMetrics;
  outages: OutageLog;
  breaker: SourceBreaker;
  limits: RetryLimits;
  maxCrashes: number;
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
  const admission = deps.breaker.admit(job.uuid);
  if (admission.kind === 'attempt')
    return handleAdmitted(deps, job, signal, delivery, admission).finally(admission.end);
  const { delayMs, failure } = admission;
  const ageMs = Date.now() - (delivery.queuedAt?.getTime() ?? 0);
  // The row shows the reason since the first delivery; later ones cost no write.
  if ((delivery.number ?? 1) > 1 && ageMs < deps.limits.horizonMs) {
    return { kind: 'retry', reason: `the video server is down: ${failure.detail}`, delayMs };
  }
  return handleAdmitted(deps, job, signal, delivery, admission);
}

async function handleAdmitted(
  deps: HandleJobDeps,
  job: AlertJob,
  signal: AbortSignal,
  delivery: Partial<Delivery>,
  admission: Admission,
): Promise<JobResult> {
  const claimed = await inSpan('claim', () => claim(deps.db, job.uuid, delivery.queuedAt));
  if (claimed.kind === 'unknown') {
    deps.log.warn({ alert: job.uuid, requestId: job.requestId }, 'job without a row');
    return { kind: 'failed', reason: 'alert not found' };
  }
  if (claimed.kind === 'final') {
    await notifyOnce(deps, claimed.alert);
    return { kind: 'done' };
  }
  if (admission.kind === 'wait') return waitForSource(startRun(deps, claimed.alert, signal), admission);
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
  /** Returns the milliseconds since its start. */
  elapsedMs: () => number;
  /** Counts the end of the attempt; returns its duration in milliseconds. */
  count: (outcome: AttemptOutcome, code?: string) => number;
};

async function attemptAlert(
  deps: HandleJobDeps,
  alert: ClaimedAlert,
  stop: AbortSignal,
  { stalls = 0 }: Partial<Delivery>,
): Promise<JobResult> {
  const { signal, clear } = attemptSignal(stop, attemptLimitMs(alert, deps.limits));
  const run = startRun(deps, alert, signal);
  try {
    // The row alone does not prove a crash: while the database accepts claims and rejects every other write, each attempt
    // looks unfinished although its worker lives. The queue alone does not either: it also counts workers that froze.
    if (Math.min(alert.crashes, stalls) >= deps.maxCrashes) {
      throw new WorkerCrashed(`${alert.crashes} attempts started and never finished: the video crashes its worker`);
    }
    const outcome = await processAlert(deps, alert, run.attempt);
    deps.outages.responded();
    deps.breaker.responded();
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

function startRun(deps: HandleJobDeps, alert: ClaimedAlert, signal: AbortSignal): Run {
  const started = performance.now();
  const meter = { bytesFetched: 0, requests: 0 };
  return {
    deps,
    alert,
    attempt: { lease: { uuid: alert.uuid, claim: alert.claims }, meter, signal },
    ids: { alert: alert.uuid, requestId: alert.requestId, attempt: alert.attempts, traceId: traceId() },
    elapsedMs: () => performance.now() - started,
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

/** The source is down: releases the alert without an attempt, or fails it if its horizon is over. */
async function waitForSource(run: Run, { delayMs, failure, downForMs }: Waiting): Promise<JobResult> {
  const { deps, alert, attempt, count } = run;
  if (isOverdueAfter(downForMs, alert, deps.limits)) {
    const detail = `not readable ${limitText('horizon', deps.limits)}: ${failure.detail}`;
    count(await failAlert(deps, { code: failure.code, detail }, alert, attempt), failure.code);
    return { kind: 'failed', reason: `${failure.code}: ${detail}` };
  }
  const error = `${failure.code}: ${failure.detail}`;
  await release(deps.db, attempt.lease, 0, { refund: true, error, delayMs });
  return { kind: 'retry', reason: error, delayMs };
}

/** The worker is stopping or has lost the job: the attempt does not count. */
async function releaseAborted({ deps, attempt, ids, count }: Run): Promise<JobResult> {
  count('aborted');
  deps.log.info(ids, 'attempt aborted: the worker is stopping or has lost the job');
  await release(deps.db, attempt.lease, attempt.meter.bytesFetched, { refund: true });
  return { kind: 'retry', reason: 'attempt aborted' };
}

/** The video or its server failed: retries, or fails the alert if no attempt is left or none can help. */
async function handleVideoError(run: Run, error: VideoError): Promise<JobResult> {
  const { deps, alert, attempt, ids, count } = run;
  const { code, message: detail } = error;
  const reason = reasonOf(error);
  const outage = !error.permanent && deps.outages.failed({ code, detail });
  if (!error.permanent) deps.breaker.failed(alert.uuid, { code, detail });
  else if (attempt.meter.requests > 0) {
    deps.outages.responded();
    deps.breaker.responded();
  }
  const next = stepAfter(run, error);
  if ('failure' in next) {
    const { failure } = next;
    // During an outage one warning describes it, not one per alert.
    deps.log[outage ? 'info' : 'warn']({ ...ids, ...failure, err: error.cause, ...attempt.meter }, 'alert failed');
    count(await failAlert(deps, failure, alert, attempt), failure.code);
    return { kind: 'failed', reason: `${failure.code}: ${failure.detail}` };
  }
  const { delayMs } = next;
  deps.log.info({ ...ids, code, detail, delayMs }, 'attempt failed, will retry');
  const busyMs = count('retry', code);
  await release(deps.db, attempt.lease, attempt.meter.bytesFetched, { refund: false, error: reason, delayMs, busyMs });
  return { kind: 'retry', reason, delayMs };
}

/** Returns the delay until the next attempt, or the failure with which the alert ends. */
function stepAfter(run: Run, error: VideoError): { delayMs: number } | { failure: Failure } {
  const { code, message: detail } = error;
  if (error.permanent && !mayStillArrive(error, run.alert)) return { failure: { code, detail } };
  const { limits } = run.deps;
  const next = nextStep(run.alert, costOf(run), limits, error.retryAfterMs);
  if (next.kind === 'retry') return next;
  const unread = `not readable ${limitText(next.why, limits)}`;
  if (next.why === 'bytes')
    return { failure: { code: 'video_too_large', detail: `${unread}; last error: ${reasonOf(error)}` } };
  // A missing video has one reason, however often it was looked for.
  return { failure: { code, detail: error.permanent ? detail : `${unread}: ${detail}` } };
}

const reasonOf = ({ code, message }: VideoError) => `${code}: ${message}`;

function costOf({ attempt, elapsedMs }: Run) {
  return { ms: elapsedMs(), bytesFetched: attempt.meter.bytesFetched };
}

/**
 * Our program or its environment failed: retries with the same delays as after a failure of the video server, and the last
 * attempt fails the alert. Throws if the attempt does not count or its result is recorded: the job is delivered again soon.
 */
async function handleInternalError(run: Run, error: unknown): Promise<JobResult> {
  const { deps, alert, attempt, ids, count } = run;
  const refund = isEnvironmental(error);
  deps.log.error({ ...ids, err: error }, 'attempt failed: internal error');
  const next = nextStep(alert, costOf(run), deps.limits);
  if (next.kind === 'end' && !refund) {
    const detail = `the worker failed on this alert ${limitText(next.why, deps.limits)}`;
    const crashed = { code: 'worker_crashed', detail } as const;
    const outcome = await failAlert(deps, crashed, alert, attempt);
    count(outcome, crashed.code);
    if (outcome === 'superseded') throw error;
    return { kind: 'failed', reason: crashed.code };
  }
  const busyMs = count('retry', 'internal');
  const delayMs = refund || next.kind === 'end' ? undefined : next.delayMs;
  const released = await release(deps.db, attempt.lease, attempt.meter.bytesFetched, { refund, delayMs, busyMs });
  if (refund || !released) throw error;
  return { kind: 'retry', reason: `internal error: ${error instanceof Error ? error.message : error}`, delayMs };
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
