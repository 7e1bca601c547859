import { RETRYABLE_CODES } from '#prisma/alerts.ts';
import type { FailureCode } from '#prisma/generated/enums.ts';

/**
 * The closed family of reasons why an alert's video gave no resolution. Foreign errors (got, ffprobe, mediabunny) end
 * at the file that met them and travel on as `cause` only.
 */
export abstract class VideoError extends Error {
  abstract readonly code: FailureCode;
  /** How long the video server asked us to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(detail: string, options?: { cause?: unknown; retryAfterMs?: number | undefined }) {
    super(detail, options?.cause === undefined ? undefined : { cause: options.cause });
    this.name = this.constructor.name;
    this.retryAfterMs = options?.retryAfterMs;
  }

  /** Trying again cannot help. */
  get permanent(): boolean {
    return !RETRYABLE_CODES.has(this.code);
  }
}

/** 404 or 410. An alert can overtake its upload: handleJob retries a young alert all the same. */
export class VideoMissing extends VideoError {
  readonly code = 'video_not_found';
}

/** 401 or 403. */
export class VideoForbidden extends VideoError {
  readonly code = 'video_forbidden';
}

/** 5xx, 429, or an answer that breaks HTTP. */
export class VideoServerError extends VideoError {
  readonly code = 'video_server_error';
}

/** Refused, reset, no such host. */
export class VideoServerDown extends VideoError {
  readonly code = 'video_server_unreachable';
}

/** Connecting, the first byte, or the next byte took too long; or the probe did. */
export class VideoTimeout extends VideoError {
  readonly code = 'video_timeout';
}

/** The byte budget is spent and the resolution still unknown. */
export class VideoTooLarge extends VideoError {
  readonly code = 'video_too_large';
}

/** Not a video, or damaged. */
export class VideoUnreadable extends VideoError {
  readonly code = 'video_unreadable';
}

/** A readable file without a picture: audio only, or 0x0. */
export class NoVideoStream extends VideoError {
  readonly code = 'no_video_stream';
}

/** The video server pointed elsewhere. */
export class RedirectRefused extends VideoError {
  readonly code = 'redirect_refused';
}

/** Every attempt was claimed and none came back: the video takes its worker down. */
export class WorkerCrashed extends VideoError {
  readonly code = 'worker_crashed';
}
