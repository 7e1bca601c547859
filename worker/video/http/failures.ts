import { errors } from 'undici';
import {
  VideoError,
  VideoForbidden,
  VideoNotFound,
  VideoServerError,
  VideoServerUnreachable,
  VideoTimeout,
} from '../../errors.ts';

const maxRetryAfterMs = 60 * 60 * 1000;

/**
 * Returns the VideoError for a response without a video. A 4xx without a failure code of its own (400, 405, 451 …)
 * counts as a server error and is retried: our requests are alike for all videos.
 * @param retryAfter the Retry-After header.
 */
export function failureOfStatus(status: number, retryAfter: string | undefined): VideoError {
  const detail = `the video server responded with status ${status}`;
  if (status === 404 || status === 410) return new VideoNotFound(detail);
  if (status === 401 || status === 403) return new VideoForbidden(detail);
  return new VideoServerError(detail, { retryAfterMs: retryAfterMs(retryAfter) });
}

/** Parses Retry-After, seconds or a date, into milliseconds from now, at most one hour; undefined if absent or invalid. */
export function retryAfterMs(retryAfter: string | undefined): number | undefined {
  if (retryAfter === undefined) return undefined;
  const wait = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - Date.now();
  return Number.isNaN(wait) ? undefined : Math.min(Math.max(wait, 0), maxRetryAfterMs);
}

/** How much of a response had arrived when it failed. */
export type Progress = 'nothing' | 'status line' | 'headers';

/**
 * Returns the VideoError for a request that failed on the network or on an invalid response. Any other error is a defect
 * of this program and is returned unchanged.
 */
export function failureOf(error: unknown, progress: Progress): unknown {
  if (error instanceof VideoError) return error;
  const code = codeOf(error);
  if (code === undefined || code === 'UND_ERR_DESTROYED' || code.startsWith('UND_ERR_INVALID')) return error;
  const cause = withoutDetails(error, code);
  if (code === 'UND_ERR_CONNECT_TIMEOUT')
    return new VideoTimeout('no connection to the video server in time', { cause });
  const violatesHttp =
    /^(HTTPParserError|UND_ERR_HEADERS_OVERFLOW|UND_ERR_RES_)/.test(code) || progress === 'status line';
  if (violatesHttp) return new VideoServerError(`the video server sent an invalid response (${code})`, { cause });
  if (progress === 'headers') {
    return new VideoServerError(`the video server closed the connection in mid-response (${code})`, { cause });
  }
  return new VideoServerUnreachable(`cannot connect to the video server (${code})`, { cause });
}

/** Whether the server closed the connection. */
export function isConnectionClosed(error: unknown): boolean {
  return ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'].includes(codeOf(error) ?? '');
}

export type TimeoutPhase = 'connect' | 'headers' | 'body' | 'total';

export function timeoutOf(phase: TimeoutPhase, timeoutMs: number): VideoTimeout {
  const details: Record<TimeoutPhase, string> = {
    connect: `no connection to the video server within ${timeoutMs} ms`,
    headers: `the video server did not respond within ${timeoutMs} ms`,
    body: `the video server sent no data for ${timeoutMs} ms`,
    total: `the video server did not complete its response within ${3 * timeoutMs} ms`,
  };
  return new VideoTimeout(details[phase]);
}

function codeOf(error: unknown): string | undefined {
  // llhttp's errors, whose code undici leaves undefined.
  if (error instanceof errors.HTTPParserError) return 'HTTPParserError';
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Keeps name, code and message only: undici's errors carry received bytes and addresses. */
function withoutDetails(error: unknown, code: string): Error {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  return Object.assign(new Error(message), { name, code });
}
