import type { ZodOpenApiResponseObject, ZodOpenApiResponsesObject } from 'zod-openapi';
import { PROBLEMS, type ProblemName } from '../http/problem.ts';
import { DELIVERY_ID, DESTINATION_ID } from './destination-examples.ts';
import { REQUEST_ID, UUID } from './examples.ts';
import { type HeaderName, headers } from './responses.ts';

/** The members of an example that depend on the kind of problem. */
export type ProblemExample = { detail: string; [member: string]: unknown };

const strings = { type: 'array', items: { type: 'string' }, minItems: 1 };

const mediaMembers = {
  status_now: { enum: ['pending', 'none'] },
  reason: { anyOf: [{ type: 'string', pattern: '^[a-z_]+$' }, { type: 'null' }] },
};

/** The members that some problems have in addition to those of RFC 9457. */
const EXTRA_MEMBERS: Partial<Record<ProblemName, Record<string, object>>> = {
  'alert-conflict': { fields: strings, existing: { type: 'string', pattern: '^/alerts/[0-9a-f-]{36}$' } },
  'batch-rejected': { results: { type: 'array', items: { $ref: '#/components/schemas/BatchResult' }, minItems: 1 } },
  'not-retryable': { status_now: { enum: ['pending', 'processing', 'processed'] } },
  'triage-not-needed': { status_now: { enum: ['pending', 'processing', 'processed'] } },
  'name-taken': { existing: { type: 'string', pattern: '^/destinations(/[0-9a-z-]+)?$' } },
  'delivery-not-failed': { status_now: { enum: ['pending', 'delivered', 'muted'] } },
  'copy-not-needed': { video: { type: 'string' }, source: { anyOf: [{ type: 'string' }, { type: 'null' }] } },
  'copy-not-possible': { status_now: { enum: ['pending', 'processing', 'failed'] } },
  'picture-not-available': mediaMembers,
  'copy-not-available': mediaMembers,
  validation: { errors: { type: 'array', minItems: 1 } },
};

const REJECTED_RESULT = {
  index: 0,
  uuid: UUID,
  status: 403,
  problem: {
    type: '/problems/forbidden',
    title: PROBLEMS.forbidden[1],
    status: 403,
    detail: 'The key 7d3c1f0a2b may not post alerts of this store.',
  },
};

const EXAMPLES: Partial<Record<ProblemName, ProblemExample>> = {
  'alert-conflict': {
    detail: 'This uuid already exists with a different video.',
    fields: ['video'],
    existing: `/alerts/${UUID}`,
  },
  'batch-rejected': { detail: 'No alert of the batch was accepted.', results: [REJECTED_RESULT] },
  'not-retryable': { detail: 'The alert is processing, not failed.', status_now: 'processing' },
  'triage-not-needed': { detail: 'The alert is processed: nothing is to be done.', status_now: 'processed' },
  'too-many-comments': { detail: 'The alert has 500 comments.' },
  'name-taken': {
    detail: 'Another destination has the name back office.',
    existing: `/destinations/${DESTINATION_ID}`,
  },
  'builtin-destination': { detail: 'The destination console cannot be changed or tested.' },
  'no-signing-secret': { detail: 'The destination on-call is of the kind email.' },
  'delivery-not-failed': { detail: 'The delivery is delivered, not failed.', status_now: 'delivered' },
  'picture-not-available': {
    detail: 'Its first frame is damaged.',
    status_now: 'none',
    reason: 'frame_damaged',
  },
  'copy-not-available': { detail: 'No copy was requested.', status_now: 'none', reason: 'disabled' },
  'own-key': { detail: 'The key 7d3c1f0a2b sends this request, so it cannot revoke itself.' },
  'key-not-active': { detail: 'The key 3f9c2a71d0 is revoked.' },
  'alert-archived': { detail: 'The alert was restored from the archive: it is never retried.' },
  'alert-held': { detail: 'The alert is under a legal hold.' },
  'alert-processing': { detail: 'A worker is processing the alert.' },
  'copy-not-needed': {
    detail: 'Browsers play the original, h264 in mp4. With ?force=true, a copy is made nevertheless.',
    video: '/videos/test_2.mp4',
    source: null,
  },
  'copy-not-possible': {
    detail: 'The alert is failed; copies are of videos whose resolution was read.',
    status_now: 'failed',
  },
  'link-invalid': { detail: 'The link was changed, revoked, or signed with a key that is no longer used.' },
  'link-expired': { detail: 'The link has expired.' },
  'range-not-satisfiable': { detail: 'The file has 20480 bytes.' },
  'links-unavailable': { detail: 'Neither LINK_KEYS nor SECRETS_KEY is set.' },
  'media-unavailable': { detail: 'The stored files are not available now.' },
  'secrets-unavailable': { detail: 'SECRETS_KEY is not set, so that secrets cannot be stored.' },
  'precondition-failed': { detail: 'The alert has changed since the state of If-Match.' },
  unauthorized: { detail: 'Authentication required: send Authorization: Bearer <key>.' },
  forbidden: { detail: 'The key 7d3c1f0a2b lacks the scope write.' },
  unavailable: { detail: 'The database is unavailable.' },
};

const HEADERS_OF: Record<number, HeaderName[]> = {
  401: ['WWW-Authenticate'],
  404: ['Retry-After?'],
  409: ['Retry-After?'],
  412: ['ETag'],
  416: ['Content-Range'],
  429: ['Retry-After'],
  503: ['Retry-After'],
};

function componentOf(name: ProblemName): string {
  return `${name.replace(/(^|-)[a-z]/g, (letters) => letters.slice(-1).toUpperCase())}Problem`;
}

/** Returns one schema for each kind of problem, by the name of its component. */
export function problemSchemas() {
  const names = Object.keys(PROBLEMS) as ProblemName[]; // the keys of a literal
  return Object.fromEntries(
    names.map((name) => {
      const [status, title] = PROBLEMS[name];
      const extra = EXTRA_MEMBERS[name] ?? {};
      const properties = { type: { const: `/problems/${name}` }, title: { const: title }, status: { const: status } };
      const own = { type: 'object' as const, properties: { ...properties, ...extra }, required: Object.keys(extra) };
      return [componentOf(name), { allOf: [{ $ref: '#/components/schemas/Problem' }, own] }];
    }),
  );
}

/**
 * Returns one response for each status of the named problems, with an example of each problem. `validation` is the
 * example of a validation problem of this operation.
 */
export function problems(path: string, names: ProblemName[], validation?: ProblemExample): ZodOpenApiResponsesObject {
  const examples = validation ? { ...EXAMPLES, validation } : EXAMPLES;
  const byStatus = Map.groupBy(new Set(names), (name) => PROBLEMS[name][0]);
  return Object.fromEntries(
    [...byStatus].map(([status, sameStatus]) => [status, response(path, status, sameStatus, examples)]),
  );
}

function response(
  path: string,
  status: number,
  names: ProblemName[],
  examples: typeof EXAMPLES,
): ZodOpenApiResponseObject {
  const schemas = names.map((name) => ({ $ref: `#/components/schemas/${componentOf(name)}` }));
  const values = names.map((name) => {
    const [, title, advice] = PROBLEMS[name];
    const { detail, ...extra } = examples[name] ?? { detail: advice };
    const instance = path.replace('{uuid}', UUID).replace('{id}', DELIVERY_ID).replace('{name}', 'unknown');
    const value = { type: `/problems/${name}`, title, status, detail, instance, request_id: REQUEST_ID, ...extra };
    return [name, { value }];
  });
  return {
    description: names.map((name) => PROBLEMS[name][1]).join('; '),
    content: {
      'application/problem+json': { schema: { anyOf: schemas }, examples: Object.fromEntries(values) },
    },
    headers: headers('Cache-Control?', ...(HEADERS_OF[status] ?? [])),
  };
}
