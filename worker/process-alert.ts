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
import { RedirectRefused, type VideoError } from './errors.ts';
import type { Notification, Notifier } from './notify/notifier.ts';
import type { Meter, OpenVideo, VideoFacts } from './video/types.ts';

export type Deps = {
  db: Database;
  notifier: Notifier;
  /** Origin of the video server. */
  videoServer: string;
  openVideo: (url: URL, options: { signal: AbortSignal; meter: Meter }) => Promise<OpenVideo>;
  probe: (video: OpenVideo, signal: AbortSignal) => Promise<VideoFacts>;
};

/** One attempt at a claimed alert. `meter` tells what it cost so far, whether it succeeds or throws. */
export type Attempt = { lease: Lease; meter: Meter; signal: AbortSignal };

/** What an attempt came to; `superseded` when another one was first, and nothing was changed. */
export type Outcome = 'processed' | 'failed' | 'superseded';

/** Open, probe, record, notify, mark. Throws a VideoError, a database error, or the signal's reason. */
export async function processAlert(deps: Deps, alert: ClaimedAlert, attempt: Attempt): Promise<Outcome> {
  const url = videoUrl(alert.video, deps.videoServer);
  const video = await inSpan('fetch', () => deps.openVideo(url, attempt));
  const facts = await inSpan('probe', () => deps.probe(video, attempt.signal));
  const recorded = await inSpan('record', () =>
    recordResolution(deps.db, attempt.lease, facts, attempt.meter.bytesFetched),
  );
  if (!recorded) return 'superseded';
  await notifyAndMark(deps, alert, { resolution: facts.resolution });
  return 'processed';
}

/** The side door: record the failure, notify, mark. */
export async function failAlert(
  deps: Deps,
  error: VideoError,
  alert: ClaimedAlert,
  attempt: Attempt,
): Promise<Outcome> {
  const { code, message: detail } = error;
  const recorded = await inSpan('record', () =>
    recordFailure(deps.db, attempt.lease, { code, detail }, attempt.meter.bytesFetched),
  );
  if (!recorded) return 'superseded';
  await notifyAndMark(deps, alert, { failure: code, detail });
  return 'failed';
}

/** Tells the store of an alert that was found final, unless that was marked before. */
export async function notifyOnce(deps: Pick<Deps, 'db' | 'notifier'>, alert: Alert): Promise<void> {
  if (alert.notifiedAt) return;
  const outcome =
    alert.failureCode === null
      ? { resolution: alert.resolution ?? '' }
      : { failure: alert.failureCode, detail: alert.failureDetail ?? '' };
  await notifyAndMark(deps, alert, outcome);
}

/** At least once: a crash can fall in between. */
async function notifyAndMark(
  deps: Pick<Deps, 'db' | 'notifier'>,
  { uuid, store, timestamp }: Pick<Alert, 'uuid' | 'store' | 'timestamp'>,
  outcome: Notification['outcome'],
): Promise<void> {
  await inSpan('notify', () => deps.notifier.notify({ uuid, store, timestamp, outcome }));
  await inSpan('mark', () => markNotified(deps.db, uuid));
}

/** The api checked the path; a row can be older than that check. */
function videoUrl(path: string, videoServer: string): URL {
  if (!URL.canParse(path, videoServer)) throw new RedirectRefused('the video path makes no URL');
  const url = new URL(path, videoServer);
  if (url.origin !== new URL(videoServer).origin) throw new RedirectRefused('the video path leads to another server');
  return url;
}
