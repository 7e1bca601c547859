import { STATUS_CODES } from 'node:http';
import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express';
import type { z } from 'zod';
import { DatabaseUnavailable } from '#prisma/errors.ts';

/** Every kind of problem this api answers with: its status, its title, and what to do about it. */
export const PROBLEMS = {
  'malformed-json': [400, 'The body is not JSON', 'Send one JSON object, encoded as UTF-8.'],
  'bad-request': [400, 'The request cannot be read', 'Check the request line, the headers and the path.'],
  'bad-cursor': [400, 'The cursor is not one of ours', 'Use next_cursor of the page before, unchanged, or none.'],
  unauthorized: [401, 'A key is needed', 'Send Authorization: Bearer va_…; the operator makes keys.'],
  forbidden: [
    403,
    'The key is not good for this',
    'Ask the operator for a key with the scope or the store that `detail` names.',
  ],
  'bad-event-id': [400, 'The event id is not one of ours', 'Send the id of the last event unchanged, or none.'],
  'cross-site': [403, 'The request comes from elsewhere', 'Send it from a page of this host, or with a Bearer key.'],
  'not-found': [404, 'There is nothing here', 'Check the path; an alert exists once its POST was answered with 202.'],
  'method-not-allowed': [405, 'The method is not allowed here', 'Use one of the methods in the Allow header.'],
  'alert-conflict': [409, 'The uuid belongs to another alert', 'Give each alert a uuid of its own; `fields` differ.'],
  'not-retryable': [
    409,
    'The alert has not failed',
    'Only a failed alert can be retried; `status_now` tells its state.',
  ],
  'too-slow': [408, 'The request came too slowly', 'Send the headers within 10 s, the whole request within 30 s.'],
  'too-large': [413, 'The body is too large', 'An alert fits in 16 KiB, a batch in 512 KiB.'],
  'not-json': [415, 'The content type is not supported', 'Send Content-Type: application/json, not compressed.'],
  misdirected: [421, 'The host is not one of ours', 'Ask by localhost or the IP address, or use AUTH=keys.'],
  validation: [
    422,
    'The request does not match the schema',
    '`errors` names each field; /openapi.json has the schema.',
  ],
  'too-many-held': [
    429,
    'Too many answers are held open',
    'Close an event stream, or let a `Prefer: wait` end; Retry-After says when to try again.',
  ],
  'too-many-requests': [429, 'Too many requests', 'Wait Retry-After seconds; RateLimit tells what is left.'],
  'headers-too-large': [431, 'The headers are too large', 'All headers together fit in 16 KiB.'],
  internal: [500, 'Something went wrong on our side', 'Try again; if it stays, tell the operator the request_id.'],
  'queue-full': [503, 'The queue is full', 'Send the same alert again after Retry-After seconds; it was not stored.'],
  unavailable: [
    503,
    'The service is not available right now',
    'Try again after Retry-After seconds; an alert sent twice under one uuid stays one alert.',
  ],
} as const satisfies Record<string, readonly [status: number, title: string, advice: string]>;

export type ProblemName = keyof typeof PROBLEMS;

/** A request that ends with an RFC 9457 problem. `extra` holds further members, `headers` further headers. */
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

/** zod's complaints as the contract's `errors`: a JSON pointer, a code and a sentence for each field. */
export function validationProblem(error: z.ZodError, what: string): Problem {
  const errors = error.issues.flatMap((issue) => {
    const paths = issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : [issue.path];
    return paths.map((path) => ({
      pointer: `#${path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')}`,
      code: issue.code === 'custom' ? String(issue.params?.code ?? 'invalid') : issue.code,
      detail: issue.code === 'unrecognized_keys' ? 'this field is not known' : issue.message,
    }));
  });
  const fields = new Set(errors.map((e) => e.pointer)).size;
  return new Problem('validation', `${what}: ${fields} ${fields === 1 ? 'field is' : 'fields are'} at fault.`, {
    extra: { errors },
  });
}

/** Answers `Allow` to OPTIONS and 405 to everything else: the last handler of a route. */
export function allow(...methods: string[]): RequestHandler {
  const header = methods.includes('GET') ? ['HEAD', ...methods].join(', ') : methods.join(', ');
  return (req, res) => {
    if (req.method === 'OPTIONS') {
      res.set('Allow', header).status(204).end();
      return;
    }
    throw new Problem('method-not-allowed', `${req.method} is not allowed here.`, { headers: { Allow: header } });
  };
}

export const notFound: RequestHandler = () => {
  throw new Problem('not-found', 'No such resource.');
};

/** The only way an error text leaves the api. What is not ours becomes a 500 that says nothing of the inside. */
export const problemHandler: ErrorRequestHandler = (error: unknown, req, res, next) => {
  const problem = asProblem(error);
  const [status] = PROBLEMS[problem.problem];
  if (status >= 500) req.log.error({ err: problem.cause ?? problem }, 'request failed');
  if (res.headersSent) {
    next(error); // Express cuts the connection: a half-sent answer must not look whole
    return;
  }
  sendProblem(req, res, problem);
};

/** The members of a problem that do not depend on its request. */
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

/** Asked for Basic, a browser opens a window of its own: good for who opens an address, not under a page's feet. */
function challenge(req: Request): string {
  const opened = (req.get('sec-fetch-mode') ?? 'navigate') === 'navigate';
  return `Bearer realm="alerts"${opened ? ', Basic realm="alerts", charset="UTF-8"' : ''}`;
}

function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof DatabaseUnavailable) {
    return new Problem('unavailable', 'The database does not answer.', {
      headers: { 'Retry-After': '5' },
      cause: error,
    });
  }
  // Errors of http-errors' kind, from Express and its body parser: a 4xx status and a type, never our own fault.
  const { status, type, limit } = error as { status?: unknown; type?: unknown; limit?: unknown }; // anything can be thrown
  if (type === 'entity.too.large')
    return new Problem('too-large', `The body is larger than ${Number(limit) / 1024} KiB.`);
  if (type === 'entity.parse.failed') return new Problem('malformed-json', 'The body is not valid JSON.');
  if (status === 415) return new Problem('not-json', 'Only uncompressed JSON in UTF-8 is read here.');
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return new Problem('bad-request', `The request cannot be read (${STATUS_CODES[status] ?? status}).`);
  }
  return new Problem('internal', 'The request failed; the log has the reason under this request_id.', { cause: error });
}
