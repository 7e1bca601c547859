import { TimeoutError } from 'got';
import {
  VideoError,
  VideoForbidden,
  VideoNotFound,
  VideoServerError,
  VideoServerUnreachable,
  VideoTimeout,
} from '../../errors.ts';

const longestWaitMs = 60 * 60 * 1000;

/**
 * The VideoError for an answer that brings no video. A 4xx without a meaning of its own (400, 405, 451 …) is the
 * server's fault: our request is the same for every video, so it is worth another try.
 * @param retryAfter the Retry-After header.
 */
export function failureOfStatus(status: number, retryAfter: string | undefined): VideoError {
  const detail = `the video server withQueueTimeout ${status}`;
  if (status === 404 || status === 410) return new VideoNotFound(detail);
  if (status === 401 || status === 403) return new VideoForbidden(detail);
  return new VideoServerError(detail, { retryAfterMs: waitOf(retryAfter) });
}

/** Retry-After in seconds or as a date → milliseconds from now, one hour at most; undefined when absent or nonsense. */
export function waitOf(retryAfter: string | undefined): number | undefined {
  if (retryAfter === undefined) return undefined;
  const wait = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - Date.now();
  return Number.isNaN(wait) ? undefined : Math.min(Math.max(wait, 0), longestWaitMs);
}

/**
 * The VideoError for an exchange that broke off, before its answer or within the body. What neither Node nor got says of
 * the network is our defect and comes back as it is.
 */
export function failureOfExchange(error: unknown, where: 'before the answer' | 'within the body'): unknown {
  if (error instanceof VideoError) return error;
  if (!(error instanceof Error && 'code' in error && typeof error.code === 'string')) return error;
  if (error.cause instanceof VideoError) return error.cause;
  const { code } = error;
  const cause = withoutRequest(error, code);
  if (error instanceof TimeoutError) return tooLong(error.event, cause);
  if (/^(HPE_|ERR_HTTP_)/.test(code)) return new VideoServerError(`the video server broke HTTP (${code})`, { cause });
  if (where === 'within the body') {
    return new VideoServerError(`the video server broke off its answer (${code})`, { cause });
  }
  return new VideoServerUnreachable(`the video server cannot be reached (${code})`, { cause });
}

/** @param phase what took too long: connect, response, socket (the next bytes), request (all of it). */
export function tooLong(phase: string, cause?: unknown): VideoTimeout {
  return new VideoTimeout(`the video server took too long (${phase})`, { cause });
}

/** For 101, which we never ask for. */
export function protocolSwitched(): VideoServerError {
  return new VideoServerError('the video server switched to another protocol');
}

/** got's errors carry the request with all its headers; name, code and message are all we keep. */
function withoutRequest({ name, message }: Error, code: string): Error {
  return Object.assign(new Error(message), { name, code });
}
