import type { Logger } from 'pino';
import { traceId } from '#observability/tracing.ts';
import type { ClaimedAlert } from '#prisma/alerts.ts';
import { countAttempt } from './attempt-metrics.ts';
import type { AttemptOutcome, WorkerMetrics } from './metrics.ts';
import type { Attempt, ProcessDeps } from './process-alert.ts';
import type { RetryLimits } from './retry-policy.ts';
import type { SourceHealth, SourcesHealth } from './source-health.ts';

export type HandleJobDeps = ProcessDeps & {
  log: Logger;
  metrics: WorkerMetrics;
  sources: Pick<SourcesHealth, 'of'>;
  limits: RetryLimits;
  maxCrashes: number;
};

/** One attempt from its claim to its end. */
export type Run = {
  deps: HandleJobDeps;
  alert: ClaimedAlert;
  /** Where its video is. */
  source: SourceHealth;
  attempt: Attempt;
  /** Fields of every log line about the attempt. */
  ids: object;
  /** Returns the milliseconds since its start. */
  elapsedMs: () => number;
  /** Counts the end of the attempt; returns its duration in milliseconds. */
  count: (outcome: AttemptOutcome, code?: string) => number;
};

/** Returns the attempt that starts now. `signal` ends it. */
export function startRun(deps: HandleJobDeps, alert: ClaimedAlert, source: SourceHealth, signal: AbortSignal): Run {
  const started = performance.now();
  const meter = { bytesFetched: 0, requests: 0 };
  return {
    deps,
    alert,
    source,
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
