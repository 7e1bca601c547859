// What follows an attempt that found no resolution: another attempt, or the failure of the alert.
import { type ClaimedAlert, release } from '#prisma/alerts.ts';
import { DatabaseUnavailable } from '#prisma/errors.ts';
import type { JobResult } from '#redis/queue.ts';
import type { Run } from './attempt-run.ts';
import { type VideoError, VideoNotFound } from './errors.ts';
import { type Failure, failAlert } from './process-alert.ts';
import { isOverdueAfter, limitText, nextStep, waitingDelayMs } from './retry-policy.ts';
import type { Waiting } from './source-breaker.ts';

/** An alert can arrive before its video is uploaded: during this time after receipt, a missing video is retried. */
const UPLOAD_GRACE_MS = 10_000;

/** The source is down: releases the alert without an attempt, or fails it if its horizon is over. */
export async function waitForSource(run: Run, waiting: Waiting): Promise<JobResult> {
  const { deps, alert, attempt, count, source } = run;
  const { failure, downForMs } = waiting;
  if (isOverdueAfter(downForMs, alert, deps.limits)) {
    const last = { code: failure.code, detail: `not readable ${limitText('horizon', deps.limits)}: ${failure.detail}` };
    count(await failAlert(deps, last, alert, attempt), last.code);
    source.forget(alert.uuid);
    return { kind: 'failed', reason: textOf(last) };
  }
  const delayMs = waitingDelayMs(waiting, alert.roundAgeMs, deps.limits);
  const error = textOf(failure);
  await release(deps.db, attempt.lease, 0, { refund: true, error, delayMs });
  return { kind: 'retry', reason: error, delayMs, onDelayed: () => source.delayed(alert.uuid) };
}

/** The worker is stopping or has lost the job: the attempt does not count. */
export async function releaseAborted({ deps, attempt, ids, count }: Run): Promise<JobResult> {
  count('aborted');
  deps.log.info(ids, 'attempt aborted: the worker is stopping or has lost the job');
  await release(deps.db, attempt.lease, attempt.meter.bytesFetched, { refund: true });
  return { kind: 'retry', reason: 'attempt aborted' };
}

/** The video or its server failed: retries, or fails the alert if no attempt is left or none can help. */
export async function handleVideoError(run: Run, error: VideoError): Promise<JobResult> {
  const { deps, alert, source, attempt, ids, count } = run;
  const last = { code: error.code, detail: source.describe(error) };
  const outage = !error.permanent && source.failed(alert.uuid, last);
  const onDelayed = source.isDown() ? () => source.delayed(alert.uuid) : undefined;
  if (error.permanent && attempt.meter.requests > 0) source.responded();
  const next = stepAfter(run, error, last);
  if ('failure' in next) {
    const { failure } = next;
    // During an outage one warning describes it, not one per alert.
    deps.log[outage ? 'info' : 'warn']({ ...ids, ...failure, err: error.cause, ...attempt.meter }, 'alert failed');
    count(await failAlert(deps, failure, alert, attempt), failure.code);
    return { kind: 'failed', reason: textOf(failure) };
  }
  const { delayMs } = next;
  deps.log.info({ ...ids, ...last, delayMs }, 'attempt failed, will retry');
  const busyMs = count('retry', last.code);
  const reason = textOf(last);
  await release(deps.db, attempt.lease, attempt.meter.bytesFetched, { refund: false, error: reason, delayMs, busyMs });
  return { kind: 'retry', reason, delayMs, onDelayed };
}

/** Returns the delay until the next attempt, or the failure with which the alert ends. `last`: why the attempt failed. */
function stepAfter(run: Run, error: VideoError, last: Failure): { delayMs: number } | { failure: Failure } {
  if (error.permanent && !mayStillArrive(error, run.alert)) return { failure: last };
  const { limits } = run.deps;
  const next = nextStep(run.alert, costOf(run), limits, error.retryAfterMs);
  if (next.kind === 'retry') return { delayMs: Math.min(next.delayMs, probeDelayMs(run, error)) };
  const unread = `not readable ${limitText(next.why, limits)}`;
  if (next.why === 'bytes')
    return { failure: { code: 'video_too_large', detail: `${unread}; last error: ${textOf(last)}` } };
  // A missing video has one reason, however often it was looked for.
  return { failure: error.permanent ? last : { code: last.code, detail: `${unread}: ${last.detail}` } };
}

/**
 * Returns the milliseconds until the alert may probe its source again. When few alerts wait, each one probes often: their
 * growing delays must not make the source wait for a probe. With a limit of attempts, they do not grow in vain.
 */
function probeDelayMs({ source, deps }: Run, error: VideoError): number {
  const limited = Number.isFinite(deps.limits.maxAttempts) || error.retryAfterMs !== undefined || error.permanent;
  return limited ? Number.POSITIVE_INFINITY : source.untilProbeMs();
}

const textOf = ({ code, detail }: Failure) => `${code}: ${detail}`;

function costOf({ attempt, elapsedMs }: Run) {
  return { ms: elapsedMs(), bytesFetched: attempt.meter.bytesFetched };
}

/**
 * Our program or its environment failed: retries with the same delays as after a failure of the video server, and the last
 * attempt fails the alert. Throws if the attempt does not count or its result is recorded: the job is delivered again soon.
 */
export async function handleInternalError(run: Run, error: unknown): Promise<JobResult> {
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
