import type { Alert, FieldError, ProblemBody, ProblemType } from './types.ts';

/** The base class of all errors of this package. Wrong arguments and aborted signals throw other errors. */
export class VideoAlertsError extends Error {
  override name = 'VideoAlertsError';
}

/** The API answered with an error: an RFC 9457 problem, or a response of something in front of it. */
export class ProblemError extends VideoAlertsError {
  override name = 'ProblemError';
  /** Such as `/problems/validation`; `about:blank` if the response was not a problem. */
  readonly type: ProblemType | 'about:blank' | (string & {});
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** The invalid fields of a `/problems/validation`; otherwise empty. */
  readonly errors: readonly FieldError[];
  /** Identifies the request in the server's log. */
  readonly requestId: string | undefined;
  /** How long the server wants clients to wait. */
  readonly retryAfterMs: number | undefined;
  /** All members of the problem, for those that only some types have. */
  readonly problem: Readonly<Record<string, unknown>>;

  constructor(status: number, body: unknown, headers: Headers) {
    const problem: Partial<ProblemBody> = isObject(body) ? body : {}; // a problem as in openapi.json, or something else
    const title = problem.title ?? `HTTP ${status}`;
    const detail = problem.detail ?? 'The response is not a problem document.';
    const fields = problem.errors ?? [];
    super([`${title}: ${detail}`, ...fields.map((field) => `${field.pointer} ${field.detail}`)].join('\n  '));
    this.type = problem.type ?? 'about:blank';
    this.title = title;
    this.status = status;
    this.detail = detail;
    this.errors = fields;
    this.requestId = problem.request_id ?? headers.get('x-request-id') ?? undefined;
    this.retryAfterMs = parseRetryAfter(headers.get('retry-after'));
    this.problem = problem;
  }
}

/** No complete response arrived: no connection, a broken one, or a timeout. `cause` has the reason. */
export class ConnectionError extends VideoAlertsError {
  override name = 'ConnectionError';
}

/** The time limit of `wait` passed before the alert was final. `cause` is the last error, if there was one. */
export class TimeLimitError extends VideoAlertsError {
  override name = 'TimeLimitError';
  /** Its last known state. */
  readonly alert: Alert | undefined;

  constructor(message: string, alert: Alert | undefined, cause?: unknown) {
    super(message, { cause });
    this.alert = alert;
  }
}

const RETRYABLE: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);

/** Returns whether the same request can succeed later. The client has repeated it already, within its time limit. */
export function isRetryable(error: unknown): boolean {
  return error instanceof ConnectionError || (error instanceof ProblemError && RETRYABLE.has(error.status));
}

/** Returns the milliseconds of a Retry-After header, which has seconds or a date. */
export function parseRetryAfter(header: string | null, now = Date.now()): number | undefined {
  if (header === null) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1_000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
