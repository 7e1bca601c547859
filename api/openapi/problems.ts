import type { ZodOpenApiResponseObject, ZodOpenApiResponsesObject } from 'zod-openapi';
import { PROBLEMS, type ProblemName } from '../http/problem.ts';
import { REQUEST_ID, UUID } from './examples.ts';
import { type HeaderName, headers } from './responses.ts';

type Extra = { properties: Record<string, object>; example: Record<string, unknown> };

const strings = { type: 'array', items: { type: 'string' }, minItems: 1 };

/** The members that some problems have beside RFC 9457's. */
const EXTRAS: Partial<Record<ProblemName, Extra>> = {
  'alert-conflict': {
    properties: { fields: strings, existing: { type: 'string', pattern: '^/alerts/[0-9a-f-]{36}$' } },
    example: { fields: ['video'], existing: `/alerts/${UUID}` },
  },
  'not-retryable': {
    properties: { status_now: { enum: ['pending', 'processing', 'processed'] } },
    example: { status_now: 'processing' },
  },
  validation: {
    properties: { errors: { type: 'array', minItems: 1 } },
    example: { errors: [{ pointer: '#/store', code: 'too_small', detail: 'must not be empty' }] },
  },
};

const DETAILS: Partial<Record<ProblemName, string>> = {
  'alert-conflict': 'An alert with this uuid has another video.',
  'not-retryable': 'The alert is processing, not failed.',
  validation: 'The alert has 1 invalid field.',
  unauthorized: 'This needs a key.',
  forbidden: 'The key 7d3c1f0a2b lacks the scope write.',
  unavailable: 'The database does not answer.',
};

function componentOf(name: ProblemName): string {
  return `${name.replace(/(^|-)[a-z]/g, (letters) => letters.slice(-1).toUpperCase())}Problem`;
}

/** One schema for each kind of problem, by the name of its component. */
export function problemSchemas() {
  const names = Object.keys(PROBLEMS) as ProblemName[]; // the keys of a literal
  return Object.fromEntries(
    names.map((name) => {
      const [status, title] = PROBLEMS[name];
      const extra = EXTRAS[name]?.properties ?? {};
      const properties = { type: { const: `/problems/${name}` }, title: { const: title }, status: { const: status } };
      const own = { type: 'object' as const, properties: { ...properties, ...extra }, required: Object.keys(extra) };
      return [componentOf(name), { allOf: [{ $ref: '#/components/schemas/Problem' }, own] }];
    }),
  );
}

const HEADERS_OF: Record<number, HeaderName[]> = {
  401: ['WWW-Authenticate'],
  429: ['Retry-After'],
  503: ['Retry-After'],
};

/** One answer per status of the named problems, with an example of each. */
export function problems(path: string, names: ProblemName[]): ZodOpenApiResponsesObject {
  const byStatus = Map.groupBy(new Set(names), (name) => PROBLEMS[name][0]);
  return Object.fromEntries([...byStatus].map(([status, same]) => [status, answer(path, status, same)]));
}

function answer(path: string, status: number, names: ProblemName[]): ZodOpenApiResponseObject {
  const schemas = names.map((name) => ({ $ref: `#/components/schemas/${componentOf(name)}` }));
  const examples = names.map((name) => {
    const [, title, advice] = PROBLEMS[name];
    const value = {
      type: `/problems/${name}`,
      title,
      status,
      detail: DETAILS[name] ?? advice,
      instance: path.replace('{uuid}', UUID).replace('{name}', 'validation'),
      request_id: REQUEST_ID,
      ...EXTRAS[name]?.example,
    };
    return [name, { value }];
  });
  return {
    description: names.map((name) => PROBLEMS[name][1]).join('; '),
    content: {
      'application/problem+json': { schema: { anyOf: schemas }, examples: Object.fromEntries(examples) },
    },
    headers: headers('Cache-Control?', ...(HEADERS_OF[status] ?? [])),
  };
}
