import { z } from 'zod';
import type { ZodOpenApiOperationObject, ZodOpenApiParameters, ZodOpenApiResponsesObject } from 'zod-openapi';
import { alertPathSchema } from '../alerts/schema.ts';
import type { Scope } from '../auth/client.ts';
import type { ProblemName } from '../http/problem.ts';
import { UUID } from './examples.ts';
import { problems } from './problems.ts';

// An answer of the server itself, to a path with half an encoding for one.
const ANYWHERE: ProblemName[] = ['bad-request', 'internal'];
const WITH_A_KEY: ProblemName[] = ['unauthorized', 'forbidden', 'misdirected', 'unavailable'];
const WITH_A_BODY: ProblemName[] = ['malformed-json', 'not-json', 'too-large', 'validation'];

/** The uuid of a path; the example is the one that POST's has, so that /docs leads from one to the other. */
export const onePath = z.strictObject({ uuid: alertPathSchema.shape.uuid.meta({ example: UUID }) });

type Operation = {
  id: string;
  summary: string;
  description?: string;
  /** Of the key; none: anyone may ask. */
  scope?: Scope;
  params?: ZodOpenApiParameters;
  body?: { schema: z.ZodType; examples: Record<string, unknown> };
  answers: ZodOpenApiResponsesObject;
  problems?: ProblemName[];
};

/** An operation with the answers that all of its kind have in common. */
export function operation(
  method: 'get' | 'post',
  path: string,
  tag: string,
  told: Operation,
): ZodOpenApiOperationObject {
  const { id, summary, description, scope, params, body, answers } = told;
  const sent: ProblemName[] = method === 'post' ? ['cross-site'] : [];
  // Whoever watches the house may look as often as it likes.
  const counted: ProblemName[] = /^\/(livez|readyz)$/.test(path) ? [] : ['too-many-requests'];
  const names = [
    ...ANYWHERE,
    ...sent,
    ...counted,
    ...(scope ? WITH_A_KEY : []),
    ...(body ? WITH_A_BODY : []),
    ...(told.problems ?? []),
  ];
  const says = [description, scope && `Scope of the key: \`${scope}\`.`].filter((part) => part !== undefined);
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(says.length > 0 && { description: says.join('\n\n') }),
    security: scope ? [{ bearer: [] }, { basic: [] }, { cookie: [] }] : [],
    ...(params && { requestParams: params }),
    ...(body && {
      requestBody: {
        required: true,
        content: {
          'application/json': {
            schema: body.schema,
            examples: Object.fromEntries(Object.entries(body.examples).map(([name, value]) => [name, { value }])),
          },
        },
      },
    }),
    responses: { ...answers, ...(method === 'get' && unchanged(answers)), ...problems(path, names) },
  };
}

/** Every GET with a body has an ETag. */
function unchanged(answers: ZodOpenApiResponsesObject): ZodOpenApiResponsesObject {
  const answer = answers['200'];
  if (!answer || '$ref' in answer || answer.content?.['text/event-stream']) return {};
  return {
    304: {
      description: 'Unchanged since the ETag in If-None-Match',
      ...(answer.headers && { headers: answer.headers }),
    },
  };
}
