import { z } from 'zod';
import type { Alert } from '#prisma/alerts.ts';
import { AlertStatus, FailureCode } from '#prisma/generated/enums.ts';
import { presentAlert } from '#prisma/present-alert.ts';
import type { AlertRound } from '#prisma/rounds.ts';
import type { TriageEvent } from '#prisma/triage.ts';
import { alertSchema } from './schema.ts';
import { presentTriageEvent, triageEventSchema } from './triage-schema.ts';

const STEPS = ['received', 'queued', 'claimed', 'probed', 'notified'] as const;
type Step = (typeof STEPS)[number];

const instant = z.iso.datetime();
const ms = z.int().min(0);

export const timelineSchema = z
  .strictObject({
    uuid: z.uuid(),
    summary: z.string().meta({ description: 'The longest wait and its reason, in one sentence.' }),
    steps: z
      .array(
        z.strictObject({
          step: z.enum(STEPS),
          at: instant.nullable().meta({ description: 'null: not yet, or unknown.' }),
          wait_ms: ms.nullable().meta({ description: 'Since the previous known step.' }),
        }),
      )
      .meta({ description: 'All five, in order. queued, claimed and probed are those of the latest attempt.' }),
    waiting: z
      .strictObject({ for: z.enum(STEPS), since: instant, ms })
      .nullable()
      .meta({ description: 'The step it waits for now; null after the notification.' }),
    total_ms: ms.meta({
      description: 'From receipt, or from the last retry by an operator, to the notification, or until now.',
    }),
    attempts: z.int().min(0),
    attempts_before: z.int().min(0).meta({ description: 'The attempts before an operator retried it.' }),
    crashes: z.int().min(0).meta({ description: 'Attempts since then whose worker crashed.' }),
    last_fault: z
      .string()
      .nullable()
      .meta({ description: 'Why the last failed attempt that was, or will be, followed by another one failed.' }),
    next_attempt_at: instant
      .nullable()
      .meta({ description: 'While the alert waits for a retry: when the next attempt starts, if no worker is busy.' }),
    failure: alertSchema.shape.failure,
    bytes_fetched: z.int().min(0),
    rounds: z
      .array(
        z.strictObject({
          number: z.int().min(1),
          status: z.enum(AlertStatus),
          started_at: instant.meta({ description: 'The receipt, or a retry by an operator.' }),
          ended_at: instant.nullable().meta({ description: 'When the result was recorded.' }),
          ms: ms.meta({ description: 'Duration, until now if it has not ended.' }),
          attempts: z.int().min(0),
          failure: z.strictObject({ code: z.enum(FailureCode), detail: z.string() }).nullable(),
        }),
      )
      .meta({
        description:
          'Every retry by an operator starts a round of attempts. The current round is last; retries of ' +
          'versions that did not save rounds are missing.',
      }),
    triage: z.array(triageEventSchema).meta({
      description: 'The newest 100 by people, oldest first, as far as the audit log has them.',
    }),
  })
  .meta({ id: 'Timeline' });

export type Timeline = z.infer<typeof timelineSchema>;
type Wait = { for: Step; since: Date; ms: number };

/**
 * Returns the steps of an alert and what delayed it. A wait that continues is measured until `now`. `earlier`: its rounds
 * before the current one. `triage`: what people did with it.
 */
export function timelineOf(alert: Alert, now: Date, earlier: AlertRound[] = [], triage: TriageEvent[] = []): Timeline {
  const times = timesOf(alert);
  const waits: Wait[] = [];
  let last = roundStart(alert);
  const steps = STEPS.map((step) => {
    const at = times[step];
    if (at === null || step === 'received') return { step, at: at?.toISOString() ?? null, wait_ms: null };
    const wait = { for: step, since: last, ms: between(last, at) };
    waits.push(wait);
    last = at;
    return { step, at: at.toISOString(), wait_ms: wait.ms };
  });
  const waiting = waitingOf(alert, last, now);
  const presented = presentAlert(alert, now);
  return {
    uuid: alert.uuid,
    summary: summaryOf(alert, waits, waiting, presented.next_attempt_at),
    steps,
    waiting: waiting && { ...waiting, since: waiting.since.toISOString() },
    total_ms: between(roundStart(alert), alert.notifiedAt ?? now),
    attempts: alert.attempts,
    attempts_before: alert.attemptsBefore,
    crashes: alert.crashes,
    last_fault: alert.lastError,
    next_attempt_at: presented.next_attempt_at,
    failure: presented.failure,
    bytes_fetched: Number(alert.bytesFetched),
    rounds: roundsOf(alert, now, earlier),
    triage: triage.map(presentTriageEvent),
  };
}

/** Returns when an operator last retried the alert, else when it was received. */
function roundStart(alert: Alert): Date {
  return alert.roundStartedAt ?? alert.receivedAt;
}

function roundsOf(alert: Alert, now: Date, earlier: AlertRound[]): Timeline['rounds'] {
  const failed = earlier.map((round, index) => ({
    number: index + 1,
    status: AlertStatus.failed,
    started_at: round.startedAt.toISOString(),
    ended_at: round.endedAt.toISOString(),
    ms: between(round.startedAt, round.endedAt),
    attempts: round.attempts - (earlier[index - 1]?.attempts ?? 0),
    failure: { code: round.failureCode, detail: round.failureDetail },
  }));
  const current = {
    number: earlier.length + 1,
    status: alert.status,
    started_at: roundStart(alert).toISOString(),
    ended_at: alert.processedAt?.toISOString() ?? null,
    ms: between(roundStart(alert), alert.processedAt ?? now),
    attempts: attemptsSinceRetry(alert),
    failure: alert.failureCode && { code: alert.failureCode, detail: alert.failureDetail ?? '' },
  };
  return [...failed, current];
}

/** If an alert was retried and not claimed since, its row still has the times of the attempts before; they are omitted. */
function timesOf(alert: Alert): Record<Step, Date | null> {
  const claimed = attemptsSinceRetry(alert) > 0;
  return {
    received: alert.receivedAt,
    queued: claimed ? alert.queuedAt : null,
    claimed: claimed ? alert.startedAt : null,
    probed: alert.processedAt,
    notified: alert.notifiedAt,
  };
}

/** Returns the attempts since an operator's retry, or all attempts without one. */
function attemptsSinceRetry(alert: Alert): number {
  return alert.attempts - alert.attemptsBefore;
}

function waitingOf(alert: Alert, last: Date, now: Date): Wait | null {
  if (alert.notifiedAt) return null;
  if (alert.processedAt) return { for: 'notified', since: last, ms: between(last, now) };
  if (alert.status === 'processing') return { for: 'probed', since: last, ms: between(last, now) };
  return { for: 'claimed', since: last, ms: between(last, now) };
}

function summaryOf(alert: Alert, waits: Wait[], waiting: Wait | null, next: string | null): string {
  if (waiting && waiting.for !== 'notified') return unfinishedSummary(alert, waiting, next);
  const longest = [...waits, ...(waiting ? [waiting] : [])].reduce<Wait | undefined>(
    (longest, wait) => (longest === undefined || wait.ms > longest.ms ? wait : longest),
    undefined,
  );
  if (!longest) return 'The times of its steps are unknown.';
  return `Longest wait: ${formatDuration(longest.ms)} ${reasonOf(alert, longest.for, longest === waiting)}`;
}

function unfinishedSummary(alert: Alert, waiting: Wait, next: string | null): string {
  const duration = formatDuration(waiting.ms);
  if (waiting.for === 'probed') {
    return `Attempt ${alert.attempts} has been reading the video for ${duration}.${historyOf(alert)}`;
  }
  if (alert.lastError !== null && alert.nextAttemptAt) {
    const late = next ? `Late, next attempt at ${next}.` : 'Late, waiting for a free worker or for its video source.';
    // An alert whose source was down from the start has had no attempt.
    const started = attemptsSinceRetry(alert) > 0 ? ` Attempt ${alert.attempts} started ${duration} ago.` : '';
    return `${late}${started}${historyOf(alert)}`;
  }
  if (attemptsSinceRetry(alert) > 0) {
    return `Attempt ${alert.attempts} started ${duration} ago without a result; another attempt will follow.${historyOf(alert)}`;
  }
  if (alert.attempts > 0) return `Retried by an operator ${duration} ago; waiting for a free worker.`;
  return `Waiting for a free worker for ${duration}. If this continues, check that workers are running and the queue is available.`;
}

function reasonOf(alert: Alert, step: Step, continues: boolean): string {
  switch (step) {
    case 'queued':
      return alert.attemptsBefore > 0 && alert.roundStartedAt === null
        ? 'until an operator retried it after it had failed.'
        : 'until it was queued: the queue was unavailable, or its job was lost and enqueued again.';
    case 'claimed':
      return attemptsSinceRetry(alert) > 1
        ? `until the last attempt, number ${alert.attempts}, started.${historyOf(alert)}`
        : 'for a free worker.';
    case 'notified':
      return continues
        ? 'so far for its notification; the result is known.'
        : 'for its notification, after the result was known.';
    default:
      return 'to fetch and read the video.';
  }
}

/** Returns why there were attempts before the latest one, or an empty string. */
function historyOf({ crashes, lastError }: Alert): string {
  const times = ['once', 'twice'][crashes - 1] ?? `${crashes} times`;
  const crashed = crashes === 0 ? '' : ` Its worker crashed ${times}.`;
  return lastError === null ? crashed : `${crashed} Last error: ${lastError}`;
}

/** Returns milliseconds, at least 0: the clocks of two machines may differ. */
function between(from: Date, to: Date): number {
  return Math.max(0, to.getTime() - from.getTime());
}

/** Formats milliseconds as 240 ms, 4.2 s, 3 min 20 s, 5 h 10 min or 2 d 3 h. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  const [large, largeUnit, small, smallUnit] =
    seconds < 3_600
      ? [Math.floor(seconds / 60), 'min', seconds % 60, 's']
      : seconds < 86_400
        ? [Math.floor(seconds / 3_600), 'h', Math.floor((seconds % 3_600) / 60), 'min']
        : [Math.floor(seconds / 86_400), 'd', Math.floor((seconds % 86_400) / 3_600), 'h'];
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}
