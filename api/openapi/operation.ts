import { z } from 'zod';
import type { ZodOpenApiOperationObject, ZodOpenApiResponsesObject } from 'zod-openapi';
import { alertPathSchema } from '../alerts/schema.ts';
import type { Scope } from '../auth/client.ts';
import { type ProblemName, validationProblem } from '../http/problem.ts';
import { UUID } from './examples.ts';
import { type ProblemExample, problems } from './problems.ts';

// Any path can be malformed.
const PROBLEMS_OF_ALL: ProblemName[] = ['bad-request', 'internal'];
const PROBLEMS_WITH_KEY: ProblemName[] = ['unauthorized', 'forbidden', 'misdirected', 'unavailable'];
const PROBLEMS_WITH_BODY: ProblemName[] = ['malformed-json', 'not-json', 'too-large'];

/** The path parameters of one alert, with the uuid of the example of POST /alerts, so that /docs finds that alert. */
export const alertPath = z.strictObject({ uuid: alertPathSchema.shape.uuid.meta({ example: UUID }) });

type Operation = {
  id: string;
  summary: string;
  description?: string;
  /** The scope that the key needs; undefined: no key needed. */
  scope?: Scope;
  params?: { path?: z.ZodObject; query?: z.ZodObject; header?: z.ZodObject };
  body?: { schema: z.ZodType; examples: Record<string, unknown> };
  /** What the API validates, and an input that it rejects with 422. */
  validates?: { subject: string; schema: z.ZodType; invalid: unknown };
  responses: ZodOpenApiResponsesObject;
  problems?: ProblemName[];
};

/** Returns the documentation of an operation, including the responses that it shares with others. */
export function operation(
  method: 'get' | 'post' | 'put' | 'patch' | 'delete',
  path: string,
  tag: string,
  { id, summary, description, scope, params, body, validates, responses, problems: own = [] }: Operation,
): ZodOpenApiOperationObject {
  const names: ProblemName[] = [
    ...PROBLEMS_OF_ALL,
    ...(method === 'get' ? [] : (['cross-site'] as const)),
    // Health checks have no rate limit.
    ...(/^\/(livez|readyz)$/.test(path) ? [] : (['too-many-requests'] as const)),
    ...(scope ? PROBLEMS_WITH_KEY : []),
    ...(body ? PROBLEMS_WITH_BODY : []),
    ...(validates ? (['validation'] as const) : []),
    ...own,
  ];
  const paragraphs = [description, scope && `Required scope: \`${scope}\`.`].filter((text) => text !== undefined);
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(paragraphs.length > 0 && { description: paragraphs.join('\n\n') }),
    security: scope ? [{ bearer: [] }, { basic: [] }, { cookie: [] }] : [],
    ...(params && { requestParams: params }),
    ...(body && { requestBody: requestBody(body) }),
    responses: {
      ...responses,
      ...(method === 'get' && notModified(responses)),
      ...problems(path, names, validates && validationExample(validates)),
    },
  };
}

function requestBody({ schema, examples }: NonNullable<Operation['body']>) {
  const values = Object.fromEntries(Object.entries(examples).map(([name, value]) => [name, { value }]));
  return { required: true, content: { 'application/json': { schema, examples: values } } };
}

/** Returns what the API reports for the invalid input. */
function validationExample({ subject, schema, invalid }: NonNullable<Operation['validates']>): ProblemExample {
  const { error } = schema.safeParse(invalid);
  if (!error) throw new Error(`the ${subject} is valid: ${JSON.stringify(invalid)}`);
  const { message, extra } = validationProblem(error, subject);
  return { detail: message, ...extra };
}

/** Every GET response with a body has an ETag, unless it is streamed. */
function notModified(responses: ZodOpenApiResponsesObject): ZodOpenApiResponsesObject {
  const ok = responses['200'];
  if (!ok || '$ref' in ok || ok.content?.['text/event-stream'] || ok.content?.['text/csv']) return {};
  return {
    304: {
      description: 'Not modified since the ETag in If-None-Match',
      ...(ok.headers && { headers: ok.headers }),
    },
  };
}
