import { RequestError, TimeoutError } from 'got';
import {
  type VideoError,
  VideoForbidden,
  VideoMissing,
  VideoServerDown,
  VideoServerFault,
  VideoTimeout,
} from '../errors.ts';

const longestWaitMs = 60 * 60 * 1000;

/**
 * The VideoError for an answer that brings no video. A 4xx without a meaning of its own (400, 405, 451 …) is the
 * server's fault: our request is the same for every video, so it is worth another try.
 * @param retryAfter the Retry-After header.
 */
export function failureOfStatus(status: number, retryAfter: string | undefined): VideoError {
  const detail = `the video server answered ${status}`;
  if (status === 404 || status === 410) return new VideoMissing(detail);
  if (status === 401 || status === 403) return new VideoForbidden(detail);
  return new VideoServerFault(detail, { retryAfterMs: waitOf(retryAfter) });
}

/** Retry-After in seconds or as a date → milliseconds from now, one hour at most; undefined when absent or nonsense. */
export function waitOf(retryAfter: string | undefined): number | undefined {
  if (retryAfter === undefined) return undefined;
  const wait = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - Date.now();
  return Number.isNaN(wait) ? undefined : Math.min(Math.max(wait, 0), longestWaitMs);
}

/** The VideoError for an exchange that broke off; what got did not throw is our defect and comes back as it is. */
export function failureOfExchange(error: unknown): unknown {
  if (!(error instanceof RequestError)) return error;
  const cause = withoutRequest(error);
  if (error instanceof TimeoutError) {
    return new VideoTimeout(`the video server took too long (${error.event})`, { cause });
  }
  // A body that breaks off midway comes as a content-length mismatch, whether it was closed or reset.
  if (/^(HPE_|ERR_HTTP_)/.test(error.code)) {
    return new VideoServerFault(`the video server broke HTTP (${error.code})`, { cause });
  }
  return new VideoServerDown(`the video server cannot be reached (${error.code})`, { cause });
}

/** got's errors carry the request with its headers, authorization included; name, code and message are all we keep. */
function withoutRequest(error: RequestError): Error {
  return Object.assign(new Error(error.message), { name: error.name, code: error.code });
}
