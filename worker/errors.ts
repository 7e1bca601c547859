import { RETRYABLE_CODES } from '#prisma/alerts.ts';
import type { FailureCode } from '#prisma/generated/enums.ts';

/**
 * Every reason why a video yields no resolution: one subclass per failure code, no others. A library's error (undici,
 * ffprobe, mediabunny) does not leave the file that catches it, except as `cause`.
 */
export abstract class VideoError extends Error {
  abstract readonly code: FailureCode;
  /** Delay requested by the video server's Retry-After header, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(detail: string, options?: { cause?: unknown; retryAfterMs?: number | undefined }) {
    super(detail, options?.cause === undefined ? undefined : { cause: options.cause });
    this.name = this.constructor.name;
    this.retryAfterMs = options?.retryAfterMs;
  }

  /** True if another attempt cannot succeed. */
  get permanent(): boolean {
    return !RETRYABLE_CODES.has(this.code);
  }
}

/** 404 or 410. An alert can arrive before its video is uploaded: handleJob retries while the alert is new. */
export class VideoNotFound extends VideoError {
  readonly code = 'video_not_found';
}

/** 401 or 403. */
export class VideoForbidden extends VideoError {
  readonly code = 'video_forbidden';
}

/** 5xx, 429, or a response that violates HTTP. */
export class VideoServerError extends VideoError {
  readonly code = 'video_server_error';
}

/** Connection refused or reset, or unknown host. */
export class VideoServerUnreachable extends VideoError {
  readonly code = 'video_server_unreachable';
}

/** A timeout while connecting, while waiting for data, while probing, or of the whole attempt. */
export class VideoTimeout extends VideoError {
  readonly code = 'video_timeout';
}

/** The byte budget is spent and the resolution is still unknown. */
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

/** A redirect, or the path of the alert itself, leads to another origin. */
export class RedirectRefused extends VideoError {
  readonly code = 'redirect_refused';
}

/** Too many attempts were claimed and never finished: the video probably crashes its worker. */
export class WorkerCrashed extends VideoError {
  readonly code = 'worker_crashed';
}
