import type { Logger } from 'pino';
import { inSpan, traceId } from '#observability/tracing.ts';
import { type ClaimedAlert, claim, release } from '#prisma/alerts.ts';
import { DatabaseUnavailable } from '#prisma/errors.ts';
import type { AlertJob } from '#redis/contract.ts';
import type { JobResult } from '#redis/queue.ts';
import { countAttempt, countClaim } from './attempt-metrics.ts';
import { VideoError, VideoNotFound, VideoTimeout, WorkerCrashed } from './errors.ts';
import type { AttemptOutcome, WorkerMetrics } from './metrics.ts';
import { type Attempt, type Deps, failAlert, notifyOnce, processAlert } from './process-alert.ts';

export type ConsumeDeps = Deps & {
  log: Logger;
  metrics: WorkerMetrics;
  maxAttempts: number;
  maxCrashes: number;
  attemptTimeoutMs: number;
};

/**
 * Handles jobs whose last worker vanished one at a time: if a video takes its worker down, the alerts that ran beside it
 * must not meet it there again and again, each time at the price of an attempt.
 */
export function createQuarantine(): (handle: () => Promise<JobResult>) => Promise<JobResult> {
  let last: Promise<unknown> = Promise.resolve();
  return (handle) => {
    const handled = last.then(handle);
    last = handled.catch(() => {}); // whoever waits for this job gets the error; the next one's turn comes all the same
    return handled;
  };
}

/** An alert can overtake its upload: until this long after its receipt a missing video is asked for again. */
const UPLOAD_GRACE_MS = 10_000;

/**
 * Claims the job's alert and sees one attempt through. The only place that logs a failure, and that decides between
 * another attempt and the end. Throws what is nobody's verdict (the database is away): the job comes again.
 * `queuedAt`: when the job entered the queue.
 */
export async function handleJob(
  deps: ConsumeDeps,
  job: AlertJob,
  signal: AbortSignal,
  queuedAt?: Date,
): Promise<JobResult> {
  if (signal.aborted) return { kind: 'retry', reason: 'not begun' };
  const claimed = await inSpan('claim', () => claim(deps.db, job.uuid, queuedAt));
  if (claimed.kind === 'unknown') {
    deps.log.warn({ alert: job.uuid, requestId: job.requestId }, 'job without a row');
    return { kind: 'failed', reason: 'no such alert' };
  }
  if (claimed.kind === 'final') {
    await notifyOnce(deps, claimed.alert);
    return { kind: 'done' };
  }
  countClaim(deps.metrics, claimed.alert, queuedAt);
  return attemptAlert(deps, claimed.alert, signal);
}

async function attemptAlert(deps: ConsumeDeps, alert: ClaimedAlert, stop: AbortSignal): Promise<JobResult> {
  const ids = { alert: alert.uuid, requestId: alert.requestId, attempt: alert.attempts, traceId: traceId() };
  const { signal, clear } = limit(stop, deps.attemptTimeoutMs);
  const attempt: Attempt = {
    lease: { uuid: alert.uuid, attempt: alert.attempts },
    meter: { bytesFetched: 0, requests: 0 },
    signal,
  };
  const started = performance.now();
  const count: Count = (outcome, code) => {
    const ms = performance.now() - started;
    countAttempt(deps.metrics, alert, { outcome, code, ms, meter: attempt.meter });
    return Math.round(ms);
  };
  try {
    if (alert.crashes >= deps.maxCrashes) {
      throw new WorkerCrashed(`${alert.crashes} attempts began and never ended: the video takes its worker down`);
    }
    const outcome = await processAlert(deps, alert, attempt);
    const ms = count(outcome);
    deps.log.info({ ...ids, outcome, ms, ...attempt.meter }, 'alert handled');
    return { kind: 'done' };
  } catch (error) {
    return await endOrRetry(deps, { alert, attempt, log: deps.log.child(ids), count }, error, stop);
  } finally {
    clear();
  }
}

/** Aborts with `stop`, or as late after so long. AbortSignal.any and .timeout cost 20 µs more, half of it in GC. */
function limit(stop: AbortSignal, timeoutMs: number): { signal: AbortSignal; clear(): void } {
  const either = new AbortController();
  const onStop = () => either.abort(stop.reason);
  const timer = setTimeout(() => either.abort(new VideoTimeout(`no result within ${timeoutMs} ms`)), timeoutMs);
  if (stop.aborted) onStop();
  else stop.addEventListener('abort', onStop, { once: true });
  return {
    signal: either.signal,
    clear() {
      clearTimeout(timer);
      stop.removeEventListener('abort', onStop);
    },
  };
}

/** Counts the attempt's end; returns its milliseconds. */
type Count = (outcome: AttemptOutcome, code?: string) => number;

async function endOrRetry(
  deps: ConsumeDeps,
  { alert, attempt, log, count }: { alert: ClaimedAlert; attempt: Attempt; log: Logger; count: Count },
  error: unknown,
  stop: AbortSignal,
): Promise<JobResult> {
  const { bytesFetched } = attempt.meter;
  if (stop.aborted) {
    count('broken_off');
    log.info('attempt broken off: the worker stops or has lost the job');
    await release(deps.db, attempt.lease, bytesFetched, { unused: true });
    return { kind: 'retry', reason: 'broken off' };
  }
  const last = alert.attempts - alert.attemptsBefore - alert.crashes >= deps.maxAttempts;
  if (!(error instanceof VideoError)) {
    log.error({ err: error }, 'attempt failed for a reason of ours');
    if (last && !isOfSurroundings(error)) {
      const crashed = new WorkerCrashed(`the worker failed on it ${deps.maxAttempts} times`);
      count(await failAlert(deps, crashed, alert, attempt), crashed.code);
      return { kind: 'failed', reason: 'worker_crashed' };
    }
    count('retry', 'internal');
    await release(deps.db, attempt.lease, bytesFetched, { unused: isOfSurroundings(error) });
    throw error;
  }
  if (last || (error.permanent && !mayStillArrive(error, alert))) {
    log.warn({ code: error.code, detail: error.message, err: error.cause, ...attempt.meter }, 'alert failed');
    count(await failAlert(deps, error, alert, attempt), error.code);
    return { kind: 'failed', reason: `${error.code}: ${error.message}` };
  }
  log.info({ code: error.code, detail: error.message, retryAfterMs: error.retryAfterMs }, 'attempt failed, will retry');
  count('retry', error.code);
  const reason = `${error.code}: ${error.message}`;
  await release(deps.db, attempt.lease, bytesFetched, { unused: false, fault: reason });
  return { kind: 'retry', reason, retryAfterMs: error.retryAfterMs };
}

/** The database is away, the disk is full, ffprobe is not there: it passes, and is no attempt at the video. */
function isOfSurroundings(error: unknown): boolean {
  if (error instanceof DatabaseUnavailable) return true;
  if (!(error instanceof Error)) return false;
  return 'syscall' in error || isOfSurroundings(error.cause);
}

function mayStillArrive(error: VideoError, alert: ClaimedAlert): boolean {
  return error instanceof VideoNotFound && Date.now() - alert.receivedAt.getTime() < UPLOAD_GRACE_MS;
}
