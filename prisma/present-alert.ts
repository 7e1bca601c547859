import type { ShownAlert } from './alert-columns.ts';
import { RETRYABLE_CODES } from './alerts.ts';
import { FAILURE_ADVICE } from './failure-codes.ts';
import type { Alert } from './generated/client.ts';
import { FailureCode } from './generated/enums.ts';
import type { PictureRow } from './picture-row.ts';
import type { HoldRow, TriageRow } from './related-reads.ts';
import { isoOf } from './times.ts';

type Column = Exclude<keyof ShownAlert, 'id'>;

type SnakeCase<Name extends string> = Name extends `${infer First}${infer Rest}`
  ? `${First extends Lowercase<First> ? First : `_${Lowercase<First>}`}${SnakeCase<Rest>}`
  : Name;

type InJson<Value> = Value extends Date ? string : Value extends bigint ? number : Value;

/** The columns of an alert's row at an event, as PostgreSQL writes them as JSON. See delivery-sql.ts. */
export type AlertSnapshot = { [Name in Column as SnakeCase<Name>]: InJson<Alert[Name]> } & Joined;

type TimeColumn =
  | ('last_error_at' | 'next_attempt_at' | 'received_at' | 'round_started_at')
  | ('started_at' | 'processed_at' | 'notified_at' | 'late_at');

/** A snapshot, or a row with the same names. */
type Presentable = Omit<AlertSnapshot, TimeColumn> & {
  [Name in TimeColumn]: AlertSnapshot[Name] | Date;
};

/** Null if there is no row; undefined if none was read. */
type Joined = {
  picture?: PictureRow | null | undefined;
  hold?: HoldRow | null | undefined;
  triage?: TriageRow | null | undefined;
  archived?: boolean | undefined;
};

export type PictureJson = Omit<PictureRow, 'sha256'>;

export type TriageJson = {
  acknowledged_at: string | null;
  acknowledged_by: string | null;
  assignee: string | null;
  comments: number;
};

/** An alert in responses and messages. Times are RFC 3339. */
export type AlertJson = Pick<
  Alert,
  'uuid' | 'status' | 'video' | 'store' | 'camera' | 'source' | 'timestamp' | 'attempts'
> &
  Pick<Alert, 'resolution' | 'width' | 'height' | 'rotation' | 'codec' | 'container' | 'duration'> & {
    bytes_fetched: number;
    failure: { code: FailureCode; detail: string; retryable: boolean; action: string } | null;
    last_error: { code: FailureCode; detail: string; at: string | null } | null;
    next_attempt_at: string | null;
    late: { since: string; reason: string; next_attempt_at: string | null } | null;
    picture: PictureJson | null;
    hold: { reason: string; created_by: string; created_at: string } | null;
    triage: TriageJson | null;
    archived: boolean;
    received_at: string;
    round_started_at: string;
    started_at: string | null;
    processed_at: string | null;
    notified_at: string | null;
    links: { self: string };
  };

/** Returns an alert as responses and messages show it: a row, or a snapshot of it. */
export function presentAlert(source: (ShownAlert & Joined) | AlertSnapshot, now = new Date()): AlertJson {
  const alert = 'bytes_fetched' in source ? source : presentableOf(source);
  const receivedAt = instant(alert.received_at);
  // Each field by itself: V8 builds an object with spread parts three times slower.
  return {
    uuid: alert.uuid,
    status: alert.status,
    video: alert.video,
    store: alert.store,
    // Snapshots of version 0.1.0 have neither.
    camera: alert.camera ?? null,
    source: alert.source ?? null,
    timestamp: alert.timestamp,
    resolution: alert.resolution,
    width: alert.width,
    height: alert.height,
    rotation: alert.rotation,
    codec: alert.codec,
    container: alert.container,
    duration: alert.duration,
    attempts: alert.attempts,
    bytes_fetched: alert.bytes_fetched,
    failure: failureOf(alert),
    last_error: lastErrorOf(alert),
    next_attempt_at: nextAttemptOf(alert, now),
    late: isLate(alert) ? lateOf(alert, now) : null,
    picture: pictureOf(alert),
    hold: holdOf(alert),
    triage: triageOf(alert.triage),
    archived: alert.archived ?? false,
    received_at: receivedAt,
    round_started_at: alert.round_started_at ? instant(alert.round_started_at) : receivedAt,
    started_at: instantOrNull(alert.started_at),
    processed_at: instantOrNull(alert.processed_at),
    notified_at: instantOrNull(alert.notified_at),
    links: { self: `/alerts/${alert.uuid}` },
  };
}

function failureOf({ failure_code: code, failure_detail }: Presentable): AlertJson['failure'] {
  if (!code) return null;
  const { action } = FAILURE_ADVICE[code];
  return { code, detail: failure_detail ?? '', retryable: RETRYABLE_CODES.has(code), action };
}

const DISABLED: PictureJson = {
  ...{ status: 'none', reason: 'disabled', detail: 'Pictures are switched off, or were when the alert was processed.' },
  ...{ width: null, height: null, picture_bytes: 0 },
};

/** Returns the picture, or why there is none; null for an alert that is not processed. */
function pictureOf({ status, picture }: Presentable): PictureJson | null {
  if (status !== 'processed' || picture === undefined) return null;
  if (picture === null) return DISABLED;
  const { reason, detail, width, height, picture_bytes } = picture;
  return { status: picture.status, reason, detail, width, height, picture_bytes };
}

function holdOf({ hold }: Presentable): AlertJson['hold'] {
  return hold ? { reason: hold.reason, created_by: hold.createdBy, created_at: hold.createdAt.toISOString() } : null;
}

/** Returns null if nothing is left: the acknowledgement and the assignment ended, and there is no comment. */
export function triageOf(triage: TriageRow | null | undefined): TriageJson | null {
  if (!triage || (triage.acknowledgedAt === null && triage.assignee === null && triage.commentCount === 0)) return null;
  const { acknowledgedAt, acknowledgedBy, assignee, commentCount } = triage;
  return {
    acknowledged_at: acknowledgedAt?.toISOString() ?? null,
    acknowledged_by: acknowledgedBy,
    assignee,
    comments: commentCount,
  };
}

/** An alert is late after its first failed attempt, and once the event alert.late was recorded. */
function isLate({ status, last_error, late_at }: Presentable): boolean {
  return (status === 'pending' || status === 'processing') && (last_error !== null || late_at !== null);
}

/** Returns since when an unfinished alert waits for its result, why, and when the next attempt may start. */
export function lateOf(alert: Presentable, now = new Date()): NonNullable<AlertJson['late']> {
  const unknown = alert.status === 'processing' ? 'the attempt takes long' : 'waiting in the queue';
  return {
    since: instant(alert.round_started_at ?? alert.received_at),
    reason: alert.last_error ?? unknown,
    next_attempt_at: nextAttemptOf(alert, now),
  };
}

/** Null once the time has passed: the alert waits for a free worker, or for its source of videos, and nobody knows how long. */
function nextAttemptOf({ status, next_attempt_at }: Presentable, now: Date): string | null {
  if (status !== 'pending' || next_attempt_at === null || new Date(next_attempt_at) < now) return null;
  return instant(next_attempt_at);
}

function instant(time: string | Date): string {
  return isoOf(typeof time === 'string' ? new Date(time) : time);
}

function instantOrNull(time: string | Date | null): string | null {
  return time === null ? null : instant(time);
}

/** Returns why the last attempt failed, until the alert is final; then `failure` does. */
function lastErrorOf({ status, last_error, last_error_at }: Presentable): AlertJson['last_error'] {
  if (last_error === null || (status !== 'pending' && status !== 'processing')) return null;
  const [, code, detail = ''] = /^(\w+): (.*)$/s.exec(last_error) ?? [];
  const known = Object.values(FailureCode).find((each) => each === code);
  return known ? { code: known, detail, at: instantOrNull(last_error_at) } : null;
}

function presentableOf(alert: ShownAlert & Joined): Presentable {
  return {
    uuid: alert.uuid,
    status: alert.status,
    video: alert.video,
    store: alert.store,
    camera: alert.camera,
    source: alert.source,
    timestamp: alert.timestamp,
    resolution: alert.resolution,
    width: alert.width,
    height: alert.height,
    rotation: alert.rotation,
    codec: alert.codec,
    container: alert.container,
    duration: alert.duration,
    failure_code: alert.failureCode,
    failure_detail: alert.failureDetail,
    attempts: alert.attempts,
    bytes_fetched: Number(alert.bytesFetched),
    last_error: alert.lastError,
    last_error_at: alert.lastErrorAt,
    next_attempt_at: alert.nextAttemptAt,
    received_at: alert.receivedAt,
    round_started_at: alert.roundStartedAt,
    started_at: alert.startedAt,
    processed_at: alert.processedAt,
    notified_at: alert.notifiedAt,
    late_at: alert.lateAt,
    picture: alert.picture,
    hold: alert.hold,
    triage: alert.triage,
    archived: alert.archived,
  };
}
