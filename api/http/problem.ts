import { STATUS_CODES } from 'node:http';
import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express';
import type { z } from 'zod';
import { DatabaseUnavailable } from '#prisma/errors.ts';

/** Every kind of problem that the api returns: status, title, and advice for the client. */
export const PROBLEMS = {
  'malformed-json': [400, 'Invalid JSON', 'Send one JSON object, encoded as UTF-8.'],
  'bad-request': [400, 'Bad request', 'Check the request line, the headers and the path.'],
  'bad-cursor': [400, 'Invalid cursor', 'Send `next_cursor` of the previous page unchanged, or omit it.'],
  unauthorized: [401, 'Authentication required', 'Send `Authorization: Bearer <key>`. The operator creates keys.'],
  forbidden: [403, 'Insufficient scope', 'Request a key with the scope or the store that `detail` names.'],
  'bad-event-id': [400, 'Invalid event id', 'Send the id of the last event unchanged, or omit it.'],
  'cross-site': [403, 'Cross-site request rejected', 'Send it from a page of this host, or with a Bearer key.'],
  'link-invalid': [403, 'Invalid link', 'Create another link: POST /alerts/{uuid}/links.'],
  'not-found': [404, 'Not found', 'Check the path. An alert exists once its POST has returned 202.'],
  'picture-not-available': [
    404,
    'No picture',
    '`reason` says why. If `status_now` is pending, try again after a second.',
  ],
  'copy-not-available': [
    404,
    'No playable copy',
    'POST /alerts/{uuid}/copy makes one. `reason` says why there is none.',
  ],
  'method-not-allowed': [405, 'Method not allowed', 'Use one of the methods in the Allow header.'],
  'alert-conflict': [409, 'UUID already in use', 'Give each alert its own uuid. `fields` lists what differs.'],
  'alert-archived': [
    409,
    'Alert is from the archive',
    'It is never processed again. Post the video as a new alert with another uuid.',
  ],
  'alert-held': [409, 'Alert is held', 'Release the hold first: DELETE /alerts/{uuid}/hold.'],
  'alert-processing': [409, 'Alert is being processed', 'Try again after Retry-After seconds.'],
  'copy-not-needed': [
    409,
    'Browsers play the original',
    'Play `video` of `source`. POST with ?force=true makes a copy nevertheless.',
  ],
  'copy-not-possible': [
    409,
    'Alert not processed',
    'Only a processed alert can have a copy. `status_now` is its status.',
  ],
  'not-retryable': [409, 'Alert has not failed', 'Only a failed alert can be retried. `status_now` is its status.'],
  'triage-not-needed': [409, 'Alert needs no work', 'Only failed and late alerts can be acknowledged or assigned.'],
  'too-many-comments': [409, 'Too many comments', 'An alert has at most 500 comments.'],
  'name-taken': [409, 'Name already in use', 'Choose another name, or change the destination in `existing`.'],
  'builtin-destination': [409, 'Destination is built in', 'Create another destination; console cannot be changed.'],
  'no-signing-secret': [409, 'Destination has no signing secret', 'Only webhooks are signed.'],
  'delivery-not-failed': [
    409,
    'Delivery has not failed',
    'Only a failed delivery can be retried. `status_now` is its current status.',
  ],
  'own-key': [409, 'Key of this request', 'Use another key with the scope manage, or `npm run keys`.'],
  'key-not-active': [409, 'Key is not active', 'It was revoked or replaced, or has expired. Create another key.'],
  'too-slow': [408, 'Request timeout', 'Send the headers within 10 s and the whole request within 30 s.'],
  'link-expired': [410, 'Link expired', 'Create another link: POST /alerts/{uuid}/links.'],
  'precondition-failed': [
    412,
    'Alert has changed',
    'Get the alert and decide again. The ETag of this response is the one of its current state.',
  ],
  'too-large': [413, 'Body too large', 'The limit is 16 KiB for an alert and 512 KiB for a batch.'],
  'not-json': [415, 'Unsupported media type', 'Send uncompressed JSON with Content-Type: application/json.'],
  'range-not-satisfiable': [416, 'Range not satisfiable', 'Content-Range has the size of the file.'],
  misdirected: [421, 'Host not allowed', 'Use another host name. `detail` says which.'],
  'batch-rejected': [422, 'All alerts rejected', '`results` has the problem of each alert, as in a 200.'],
  validation: [422, 'Validation failed', '`errors` lists each invalid field. /openapi.json has the schema.'],
  'too-many-held': [
    429,
    'Too many open streams and waits',
    'Close an event stream, or let a `Prefer: wait` request finish. Retry-After says when to try again.',
  ],
  'too-many-exports': [429, 'Too many exports', 'Wait until one has ended. Retry-After says when to try again.'],
  'too-many-requests': [429, 'Too many requests', 'Wait Retry-After seconds. RateLimit shows what remains.'],
  'headers-too-large': [431, 'Headers too large', 'The limit for all headers together is 16 KiB.'],
  internal: [500, 'Internal server error', 'Try again. If it happens again, send the request_id to the operator.'],
  'secrets-unavailable': [
    503,
    'Secrets unavailable',
    'The operator sets SECRETS_KEY for api and worker, to the key that `detail` names if there is one.',
  ],
  'links-unavailable': [503, 'Links unavailable', 'The operator sets LINK_KEYS or SECRETS_KEY for api and worker.'],
  'media-unavailable': [
    503,
    'Stored files unavailable',
    'Try again after Retry-After seconds. The operator checks MEDIA_URL.',
  ],
  'queue-full': [503, 'Queue full', 'Send the same alert again after Retry-After seconds. It was not stored.'],
  unavailable: [
    503,
    'Service unavailable',
    'Try again after Retry-After seconds. Sending an alert again with the same uuid creates no second alert.',
  ],
} as const satisfies Record<string, readonly [status: number, title: string, advice: string]>;

export type ProblemName = keyof typeof PROBLEMS;

/** An RFC 9457 problem that ends the request. `extra` are additional members, `headers` additional headers. */
export class Problem extends Error {
  readonly problem: ProblemName;
  readonly extra: Record<string, unknown>;
  readonly headers: Record<string, string>;

  constructor(
    problem: ProblemName,
    detail: string,
    more: { extra?: Record<string, unknown>; headers?: Record<string, string>; cause?: unknown } = {},
  ) {
    super(detail, { cause: more.cause });
    this.name = 'Problem';
    this.problem = problem;
    this.extra = more.extra ?? {};
    this.headers = more.headers ?? {};
  }
}

/** Errors that a response lists. A body of 512 KiB can have 50,000, which made a response of 3.8 MB. */
export const MAX_ERRORS = 100;

type FieldError = { pointer: string; code: string; detail: string };

/**
 * Returns the problem of an invalid `subject`: for each field a JSON pointer, a code and a message. At most `max` errors are
 * listed; `errors_omitted` is the number of others.
 */
export function validationProblem(
  error: z.ZodError,
  subject: string,
  max = MAX_ERRORS,
): Problem & { errors: FieldError[] } {
  const errors: FieldError[] = [];
  let count = 0;
  for (const issue of error.issues) {
    const unknown = issue.code === 'unrecognized_keys' ? issue.keys : undefined;
    count += unknown?.length ?? 1;
    const left = max - errors.length;
    if (unknown) errors.push(...unknown.slice(0, left).map((key) => unknownField([...issue.path, key])));
    else if (left > 0) errors.push(invalidField(issue));
  }
  const omitted = count - errors.length;
  const fields = new Set(errors.map(({ pointer }) => pointer)).size + omitted;
  const detail = `The ${subject} has ${fields} invalid ${fields === 1 ? 'field' : 'fields'}.`;
  const extra = { errors, ...(omitted > 0 ? { errors_omitted: omitted } : {}) };
  return Object.assign(new Problem('validation', detail, { extra }), { errors });
}

function unknownField(path: PropertyKey[]): FieldError {
  return { pointer: pointerTo(path), code: 'unrecognized_keys', detail: 'unknown field' };
}

function invalidField(issue: z.core.$ZodIssue): FieldError {
  const code = issue.code === 'custom' ? String(issue.params?.code ?? 'invalid') : issue.code;
  return { pointer: pointerTo(issue.path), code, detail: issue.message };
}

function pointerTo(path: PropertyKey[]): string {
  return `#${path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')}`;
}

/** Returns the last handler of a route: it responds to OPTIONS with `Allow`, and to all other methods with 405. */
export function allow(...methods: string[]): RequestHandler {
  const header = methods.includes('GET') ? ['HEAD', ...methods].join(', ') : methods.join(', ');
  return (req, res) => {
    if (req.method === 'OPTIONS') {
      res.set('Allow', header).status(204).end();
      return;
    }
    throw new Problem('method-not-allowed', `This resource does not support ${req.method}.`, {
      headers: { Allow: header },
    });
  };
}

export const notFound: RequestHandler = () => {
  throw new Problem('not-found', 'No such resource.');
};

/**
 * Sends every error to the client. An error that is not a Problem becomes a 500 without internal details; the log has
 * them under the request's id.
 */
export const problemHandler: ErrorRequestHandler = (error: unknown, req, res, next) => {
  const problem = asProblem(error);
  const [status] = PROBLEMS[problem.problem];
  if (status >= 500) req.log.error({ err: problem.cause ?? problem }, 'request failed');
  if (res.headersSent) {
    next(error); // Express closes the connection: a truncated response must not look complete
    return;
  }
  sendProblem(req, res, problem);
};

/** Returns the members of a problem that do not depend on its request. */
export function problemMembers(problem: Problem) {
  const [status, title] = PROBLEMS[problem.problem];
  return { type: `/problems/${problem.problem}`, title, status, detail: problem.message, ...problem.extra };
}

function sendProblem(req: Request, res: Response, problem: Problem): void {
  const { type, title, status, detail, ...extra } = problemMembers(problem);
  if (status === 401) res.set('WWW-Authenticate', challenge(req));
  res
    .status(status)
    .set(problem.headers)
    .type('application/problem+json')
    .send(
      JSON.stringify({
        type,
        title,
        status,
        detail,
        instance: req.originalUrl.split('?', 1)[0],
        request_id: req.id,
        ...extra,
      }),
    );
}

/** A Basic challenge makes browsers show a login dialog. That helps when a person opens a URL, but not when a script does. */
function challenge(req: Request): string {
  const navigation = (req.get('sec-fetch-mode') ?? 'navigate') === 'navigate';
  return `Bearer realm="alerts"${navigation ? ', Basic realm="alerts", charset="UTF-8"' : ''}`;
}

function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof DatabaseUnavailable) {
    const detail = error.diskFull ? 'The disk of the database is full.' : 'The database is unavailable.';
    return new Problem('unavailable', detail, {
      headers: { 'Retry-After': error.diskFull ? '30' : '5' },
      cause: error,
    });
  }
  // Express and its body parser throw errors of http-errors: a 4xx status and a type. They are never internal errors.
  const { status, type, limit } = error as { status?: unknown; type?: unknown; limit?: unknown }; // anything can be thrown
  if (type === 'entity.too.large')
    return new Problem('too-large', `The body is larger than ${Number(limit) / 1024} KiB.`);
  if (type === 'entity.parse.failed') return new Problem('malformed-json', 'The body is not valid JSON.');
  if (status === 415) return new Problem('not-json', 'The body must be uncompressed JSON in UTF-8.');
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return new Problem('bad-request', `The request is invalid (${STATUS_CODES[status] ?? status}).`);
  }
  return new Problem('internal', 'The request failed. The log has the reason under this request_id.', { cause: error });
}
