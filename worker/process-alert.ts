import { inSpan } from '#observability/tracing.ts';
import {
  type Alert,
  type ClaimedAlert,
  type Lease,
  markNotified,
  recordFailure,
  recordResolution,
} from '#prisma/alerts.ts';
import type { Database } from '#prisma/client.ts';
import type { TriggerDeliveries } from './deliveries/trigger.ts';
import type { VideoError } from './errors.ts';
import type { Notification, Notifier } from './notify/notifier.ts';
import type { Pictures } from './pictures/start.ts';
import type { VideoLocation } from './video/sources.ts';
import type { Meter, OpenVideo, VideoFacts } from './video/types.ts';

export type ProcessDeps = {
  db: Database;
  notifier: Notifier;
  /** Called with the destinations that the recorded result has deliveries for. */
  triggerDeliveries: TriggerDeliveries;
  /** Called with the number of the result's deliveries that a mute matches. */
  countMuted: (deliveries: number) => void;
  /** Undefined: no pictures are made. */
  pictures?: Pick<Pictures, 'row' | 'handOver'> | undefined;
  openVideo: (location: VideoLocation, options: { signal: AbortSignal; meter: Meter }) => Promise<OpenVideo>;
  probe: (video: OpenVideo, signal: AbortSignal) => Promise<VideoFacts>;
};

/** One attempt at a claimed alert. `meter` holds its cost so far, also after a failure. */
export type Attempt = { lease: Lease; meter: Meter; signal: AbortSignal };

/** `superseded`: another attempt recorded its result first, and this one changed nothing. */
export type Outcome = 'processed' | 'failed' | 'superseded';

/** Why an alert failed. */
export type Failure = { code: VideoError['code']; detail: string };

/**
 * Opens the video, probes it, records the result, notifies, marks, and hands the video over for its picture. Throws a
 * VideoError, a database error, or the signal's reason.
 */
export async function processAlert(deps: ProcessDeps, alert: ClaimedAlert, attempt: Attempt): Promise<Outcome> {
  const video = await inSpan('fetch', () => deps.openVideo(alert, attempt));
  const facts = await inSpan('probe', () => deps.probe(video, attempt.signal));
  const { recorded, destinations, waiting, muted, pictureOf } = await inSpan('record', () =>
    recordResolution(deps.db, attempt.lease, facts, attempt.meter.bytesFetched, deps.pictures?.row),
  );
  if (!recorded) return 'superseded';
  deps.triggerDeliveries(destinations);
  deps.countMuted(muted);
  await notifyAndMark(deps, alert, attempt.lease, { resolution: facts.resolution });
  // After everything else: what is read for the picture is not part of the attempt's cost.
  if (pictureOf !== undefined) deps.pictures?.handOver({ alertId: pictureOf, video, waiting });
  return 'processed';
}

/** Records the failure, notifies, marks. */
export async function failAlert(
  deps: ProcessDeps,
  { code, detail }: Failure,
  alert: ClaimedAlert,
  attempt: Attempt,
): Promise<Outcome> {
  const { recorded, destinations, muted } = await inSpan('record', () =>
    recordFailure(deps.db, attempt.lease, { code, detail }, attempt.meter.bytesFetched),
  );
  if (!recorded) return 'superseded';
  deps.triggerDeliveries(destinations);
  deps.countMuted(muted);
  await notifyAndMark(deps, alert, attempt.lease, { failure: code, detail });
  return 'failed';
}

/** Notifies the store of an alert that already has its final status, unless that was done before. */
export async function notifyOnce(deps: Pick<ProcessDeps, 'db' | 'notifier'>, alert: Alert): Promise<void> {
  if (alert.notifiedAt) return;
  const outcome =
    alert.failureCode === null
      ? { resolution: alert.resolution ?? '' }
      : { failure: alert.failureCode, detail: alert.failureDetail ?? '' };
  await notifyAndMark(deps, alert, { uuid: alert.uuid, claim: alert.claims }, outcome);
}

/** Notifies at least once: a worker can crash between the notification and the mark. */
async function notifyAndMark(
  deps: Pick<ProcessDeps, 'db' | 'notifier'>,
  { uuid, store, timestamp, receivedAt }: Pick<Alert, 'uuid' | 'store' | 'timestamp' | 'receivedAt'>,
  lease: Lease,
  outcome: Notification['outcome'],
): Promise<void> {
  await inSpan('notify', () => deps.notifier.notify({ uuid, store, timestamp, receivedAt, outcome }));
  await inSpan('mark', () => markNotified(deps.db, lease));
}
