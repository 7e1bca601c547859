import { z } from 'zod';
import { type Alert, RETRYABLE_CODES } from '#prisma/alerts.ts';
import { FailureCode } from '#prisma/generated/enums.ts';

const STEPS = ['received', 'queued', 'claimed', 'probed', 'notified'] as const;
type Step = (typeof STEPS)[number];

const instant = z.iso.datetime();
const ms = z.int().min(0);

export const timelineSchema = z
  .strictObject({
    uuid: z.uuid(),
    summary: z.string().meta({ description: 'One sentence: the longest wait, and what it was for.' }),
    steps: z
      .array(
        z.strictObject({
          step: z.enum(STEPS),
          at: instant.nullable().meta({ description: 'null: not yet, or not known.' }),
          wait_ms: ms.nullable().meta({ description: 'Since the step before it that is known.' }),
        }),
      )
      .meta({ description: 'All five, in order; queued, claimed and probed are those of the newest attempt.' }),
    waiting: z
      .strictObject({ for: z.enum(STEPS), since: instant, ms })
      .nullable()
      .meta({ description: 'What it waits for now; null once it was notified.' }),
    total_ms: ms.meta({ description: 'From receipt to the notification, or to now.' }),
    attempts: z.int().min(0),
    attempts_before: z.int().min(0).meta({ description: 'Those of them made before an operator retried it.' }),
    crashes: z.int().min(0).meta({ description: 'Attempts since then whose worker vanished.' }),
    last_fault: z
      .string()
      .nullable()
      .meta({ description: 'Why the newest attempt failed that is followed by another.' }),
    failure: z.strictObject({ code: z.enum(FailureCode), detail: z.string(), retryable: z.boolean() }).nullable(),
    bytes_fetched: z.int().min(0),
  })
  .meta({ id: 'Timeline' });

export type Timeline = z.infer<typeof timelineSchema>;
type Wait = { for: Step; since: Date; ms: number };

/** The way of an alert so far and what held it up. `now` ends a wait that still goes on. */
export function timelineOf(alert: Alert, now: Date): Timeline {
  const times = timesOf(alert);
  const waits: Wait[] = [];
  let last = alert.receivedAt;
  const steps = STEPS.map((step) => {
    const at = times[step];
    if (at === null || step === 'received') return { step, at: at?.toISOString() ?? null, wait_ms: null };
    const wait = { for: step, since: last, ms: between(last, at) };
    waits.push(wait);
    last = at;
    return { step, at: at.toISOString(), wait_ms: wait.ms };
  });
  const waiting = waitingOf(alert, last, now);
  return {
    uuid: alert.uuid,
    summary: summaryOf(alert, waits, waiting),
    steps,
    waiting: waiting && { ...waiting, since: waiting.since.toISOString() },
    total_ms: between(alert.receivedAt, alert.notifiedAt ?? now),
    attempts: alert.attempts,
    attempts_before: alert.attemptsBefore,
    crashes: alert.crashes,
    last_fault: alert.lastError,
    failure: alert.failureCode && {
      code: alert.failureCode,
      detail: alert.failureDetail ?? '',
      retryable: RETRYABLE_CODES.has(alert.failureCode),
    },
    bytes_fetched: Number(alert.bytesFetched),
  };
}

/** Of an alert that was retried and not claimed since, the row still has the steps of the round before. */
function timesOf(alert: Alert): Record<Step, Date | null> {
  const claimed = triesOf(alert) > 0;
  return {
    received: alert.receivedAt,
    queued: claimed ? alert.queuedAt : null,
    claimed: claimed ? alert.startedAt : null,
    probed: alert.processedAt,
    notified: alert.notifiedAt,
  };
}

/** Attempts since an operator's retry, or all. */
function triesOf(alert: Alert): number {
  return alert.attempts - alert.attemptsBefore;
}

function waitingOf(alert: Alert, last: Date, now: Date): Wait | null {
  if (alert.notifiedAt) return null;
  if (alert.processedAt) return { for: 'notified', since: last, ms: between(last, now) };
  if (alert.status === 'processing') return { for: 'probed', since: last, ms: between(last, now) };
  return { for: 'claimed', since: last, ms: between(last, now) };
}

function summaryOf(alert: Alert, waits: Wait[], waiting: Wait | null): string {
  if (waiting && waiting.for !== 'notified') return openSummary(alert, waiting);
  const longest = [...waits, ...(waiting ? [waiting] : [])].reduce<Wait | undefined>(
    (most, wait) => (most === undefined || wait.ms > most.ms ? wait : most),
    undefined,
  );
  if (!longest) return 'Nothing is known of its way.';
  return `Longest wait: ${inWords(longest.ms)} ${reasonOf(alert, longest.for, longest === waiting)}`;
}

function openSummary(alert: Alert, waiting: Wait): string {
  const span = inWords(waiting.ms);
  const tries = triesOf(alert);
  if (waiting.for === 'probed')
    return `Attempt ${alert.attempts} has been reading the video for ${span}.${earlier(alert)}`;
  if (tries > 0)
    return `Attempt ${alert.attempts} began ${span} ago and gave no result; the next one will follow.${earlier(alert)}`;
  if (alert.attempts > 0) return 'An operator retried it; it waits for a free worker.';
  return `It has waited ${span} for a free worker; if that goes on, look whether workers run and whether the queue answers.`;
}

function reasonOf(alert: Alert, step: Step, goesOn: boolean): string {
  switch (step) {
    case 'queued':
      return alert.attemptsBefore > 0
        ? 'until it was queued anew: it had failed, and an operator retried it.'
        : 'until it was queued: the queue did not answer, or its job was lost and sent again.';
    case 'claimed':
      return triesOf(alert) > 1
        ? `until attempt ${alert.attempts} began, which was the one that ended it.${earlier(alert)}`
        : 'for a free worker.';
    case 'notified':
      return goesOn
        ? 'so far for its notification; the result is known.'
        : 'for its notification, after the result was known.';
    default:
      return 'to fetch and read the video.';
  }
}

/** Why there were attempts before the newest one, as a sentence of its own. */
function earlier(alert: Alert): string {
  const crashed =
    alert.crashes === 0
      ? ''
      : ` Its worker vanished ${['once', 'twice'][alert.crashes - 1] ?? `${alert.crashes} times`}.`;
  return alert.lastError === null ? crashed : `${crashed} The one before failed: ${alert.lastError}`;
}

/** Clocks of two machines may disagree: never negative. */
function between(from: Date, to: Date): number {
  return Math.max(0, to.getTime() - from.getTime());
}

/** 240 ms, 4.2 s, 3 min 20 s, 5 h 10 min, 2 d 3 h. */
export function inWords(span: number): string {
  if (span < 1_000) return `${Math.round(span)} ms`;
  if (span < 59_950) return `${(span / 1_000).toFixed(1)} s`;
  const seconds = Math.round(span / 1_000);
  const [big, unit, small, rest] =
    seconds < 3_600
      ? [Math.floor(seconds / 60), 'min', seconds % 60, 's']
      : seconds < 86_400
        ? [Math.floor(seconds / 3_600), 'h', Math.floor((seconds % 3_600) / 60), 'min']
        : [Math.floor(seconds / 86_400), 'd', Math.floor((seconds % 86_400) / 3_600), 'h'];
  return small === 0 ? `${big} ${unit}` : `${big} ${unit} ${small} ${rest}`;
}
