import type { Logger } from 'pino';
import { untilAborted } from '#async/until-aborted.ts';
import type { PictureReason } from '#media/reasons.ts';
import type { Database } from '#prisma/client.ts';
import { type ClaimedPicture, pictureLater, pictureNone, pictureReady } from '#prisma/pictures.ts';
import type { TriggerDeliveries } from '../deliveries/trigger.ts';
import { VideoError, VideoTimeout } from '../errors.ts';
import type { VideoLocation } from '../video/sources.ts';
import type { Meter, OpenVideo, VideoFacts } from '../video/types.ts';
import type { Picture } from './decode.ts';
import { PictureError } from './error.ts';
import type { PictureMetrics } from './metrics.ts';
import { type Storage, StorageFailed } from './storage.ts';

export type AttemptDeps = {
  db: Database;
  log: Logger;
  metrics: PictureMetrics;
  openVideo: (location: VideoLocation, options: { signal: AbortSignal; meter: Meter }) => Promise<OpenVideo>;
  /** Whether alerts wait because the source of the video is down. */
  isDown: (location: VideoLocation) => boolean;
  make: (video: OpenVideo, facts: VideoFacts, signal: AbortSignal) => Promise<Picture>;
  storage: Storage;
  /** Called with the destinations whose deliveries waited for the picture. */
  triggerDeliveries: TriggerDeliveries;
  /** Attempts whose worker vanished, after which there is no picture. */
  maxCrashes: number;
};

/** The longest time of an attempt. The lease is longer: the result must be recorded before it ends. */
const ATTEMPT_MS = 45_000;
export const LEASE_MS = 60_000;

const MIN = 60_000;
/** Delays after the first, second, … attempt that failed: five attempts in 36 minutes. */
const DELAYS_MS = [10_000, MIN, 5 * MIN, 30 * MIN];
/** Delay after an attempt that does not count: the source is down, or the store is. */
const NOT_NOW_MS = 30_000;

/**
 * Makes a claimed picture and records the result. `opened` is the video, if this worker has just read it. Throws only database
 * errors; the lease then ends by itself.
 */
export async function attemptPicture(
  deps: AttemptDeps,
  claimed: ClaimedPicture,
  { stop, opened }: { stop: AbortSignal; opened?: OpenVideo | undefined },
): Promise<void> {
  const started = performance.now();
  const limit = AbortSignal.timeout(ATTEMPT_MS);
  const signal = AbortSignal.any([stop, limit]);
  const meter = { bytesFetched: 0, requests: 0 };
  const before = opened?.bytesFetched ?? 0;
  const fetched = () => (opened ? opened.bytesFetched - before : meter.bytesFetched);
  const made = async () => {
    if (claimed.crashes > deps.maxCrashes) {
      throw new PictureError('decoder_failed', `${deps.maxCrashes} attempts started and never finished`);
    }
    if (!opened && deps.isDown(claimed)) throw new SourceDown();
    const video = opened ?? (await deps.openVideo(claimed, { signal, meter }));
    const { webp, width, height } = await deps.make(video, factsOf(claimed), signal);
    return { sha256: await deps.storage.put(webp), width, height, bytes: webp.length };
  };
  const run: Run = { deps, claimed, stop, fetched };
  try {
    // A video that was opened for the alert has the signal of that attempt, which has ended.
    const picture = await untilAborted(made(), signal);
    const { recorded, destinations } = await pictureReady(deps.db, claimed, picture, fetched());
    deps.triggerDeliveries(destinations);
    if (recorded) deps.metrics.pictures.inc({ outcome: 'ready', reason: '' });
  } catch (error) {
    const timedOut = limit.aborted && !stop.aborted;
    await recordFailure(run, timedOut ? new VideoTimeout(`no picture within ${ATTEMPT_MS} ms`) : error);
  }
  deps.metrics.seconds.observe((performance.now() - started) / 1_000);
  deps.metrics.bytes.inc(fetched());
}

class SourceDown extends Error {}

type Run = { deps: AttemptDeps; claimed: ClaimedPicture; stop: AbortSignal; fetched: () => number };

async function recordFailure({ deps, claimed, stop, fetched }: Run, error: unknown): Promise<void> {
  const { db, log, metrics, triggerDeliveries } = deps;
  const next: Next = stop.aborted ? { delayMs: 0, failed: false } : nextAfter(claimed, error);
  const ids = { alert: claimed.uuid, attempt: claimed.attempts };
  if (next.unexpected) log.error({ ...ids, err: error }, 'picture failed: internal error');
  if ('delayMs' in next) {
    await pictureLater(db, claimed, next, fetched());
    if (next.reason) metrics.pictures.inc({ outcome: 'retry', reason: next.reason });
    return;
  }
  log.info({ ...ids, reason: next.reason, detail: next.detail }, 'no picture');
  const { recorded, destinations } = await pictureNone(db, claimed, next, fetched());
  triggerDeliveries(destinations);
  if (recorded) metrics.pictures.inc({ outcome: 'none', reason: next.reason });
}

type Reason = { reason: PictureReason; detail: string };
/** `unexpected`: it is to be logged as an error. */
type Next = { unexpected?: boolean } & (Reason | ({ delayMs: number; failed: boolean } & Partial<Reason>));

/** Returns whether another attempt follows, and when, or why there is no picture. */
function nextAfter(claimed: ClaimedPicture, error: unknown): Next {
  if (error instanceof PictureError) return { reason: error.reason, detail: error.message };
  if (error instanceof SourceDown) {
    const reason = { reason: 'video_unavailable', detail: 'the source of the video is down' } as const;
    return { ...reason, delayMs: NOT_NOW_MS, failed: false };
  }
  if (error instanceof StorageFailed) {
    return { reason: 'no_storage', detail: error.message, delayMs: NOT_NOW_MS, failed: false };
  }
  const delayMs = DELAYS_MS[claimed.failures];
  if (error instanceof VideoError) {
    const failure = { reason: 'video_unavailable', detail: `${error.code}: ${error.message}` } as const;
    return error.permanent || delayMs === undefined ? failure : { ...failure, delayMs, failed: true };
  }
  const failure = {
    reason: 'decoder_failed',
    detail: 'internal error of the worker: see its log',
    unexpected: true,
  } as const;
  return delayMs === undefined ? failure : { ...failure, delayMs, failed: true };
}

/** The columns as the probe wrote them. */
function factsOf({ resolution, width, height, rotation, codec, container, duration }: ClaimedPicture): VideoFacts {
  const facts = { resolution, width, height, codec, duration };
  // Only VideoFacts are recorded.
  return { ...facts, rotation: rotation as VideoFacts['rotation'], container: container as VideoFacts['container'] };
}
