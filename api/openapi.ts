import { z } from 'zod';
import { createDocument, type ZodOpenApiPathsObject } from 'zod-openapi';
import {
  acceptedAlertSchema,
  alertPageSchema,
  alertPathSchema,
  alertQuerySchema,
  alertSchema,
  newAlertSchema,
  problemSchema,
  redriveAnswerSchema,
  redriveSchema,
} from './alert-schema.ts';
import { PROBLEMS, type ProblemName } from './problem.ts';
import { statisticsQuerySchema, statisticsSchema } from './statistics.ts';
import { timelineSchema } from './timeline.ts';

const header = (description: string) => z.string().meta({ description });

function json(description: string, schema: z.ZodType, headers: Record<string, string> = {}) {
  return {
    description,
    content: { 'application/json': { schema } },
    headers: z.object(Object.fromEntries(Object.entries(headers).map(([name, what]) => [name, header(what)]))),
  };
}

/** One answer per status of the named problems, each with RFC 9457's body. */
function problems(...names: ProblemName[]) {
  const byStatus = new Map<number, string[]>();
  for (const name of [...names, 'internal', 'unavailable'] as const) {
    const [status, title] = PROBLEMS[name];
    byStatus.set(status, [...(byStatus.get(status) ?? []), title]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, titles]) => [
      String(status) as `${4 | 5}${string}`, // a status of PROBLEMS
      { description: titles.join('; '), content: { 'application/problem+json': { schema: problemSchema } } },
    ]),
  );
}

const paths: ZodOpenApiPathsObject = {
  '/alerts': {
    post: {
      summary: 'Accept an alert',
      description: '202 is a promise: the alert is stored and will end processed or failed.',
      requestBody: { required: true, content: { 'application/json': { schema: newAlertSchema } } },
      responses: {
        202: json('Stored; its video will be looked at', acceptedAlertSchema, {
          Location: 'Where to ask for its state',
          'Retry-After': 'Seconds until asking makes sense',
        }),
        200: json('The same alert was accepted before; its state now', alertSchema, {
          'Idempotency-Replayed': 'Always true',
        }),
        ...problems('malformed-json', 'alert-conflict', 'too-large', 'not-json', 'validation'),
      },
    },
    get: {
      summary: 'List alerts, the newest received first',
      description: '`from` (inclusive) and `to` (exclusive) bound the time of receipt.',
      requestParams: { query: alertQuerySchema },
      responses: {
        200: json('One page', alertPageSchema, { Link: 'rel="next" where another page exists' }),
        ...problems('bad-cursor', 'validation'),
      },
    },
  },
  '/alerts/{uuid}': {
    get: {
      summary: 'Tell the state of an alert',
      requestParams: { path: alertPathSchema },
      responses: {
        200: json('The alert', alertSchema, {
          ETag: 'Strong; send it back as If-None-Match',
          'Retry-After': 'Seconds, until the alert is final',
        }),
        304: { description: 'Unchanged since the ETag in If-None-Match' },
        ...problems('not-found', 'validation'),
      },
    },
  },
  '/alerts/{uuid}/retry': {
    post: {
      summary: 'Give a failed alert a new round of attempts',
      requestParams: { path: alertPathSchema },
      responses: {
        202: json('Pending again', acceptedAlertSchema, {
          Location: 'Where to ask for its state',
          'Retry-After': 'Seconds until asking makes sense',
        }),
        ...problems('not-found', 'not-retryable', 'validation'),
      },
    },
  },
  '/alerts/retry': {
    post: {
      summary: 'Retry the failed alerts that match, a dry run unless told otherwise',
      requestBody: { required: true, content: { 'application/json': { schema: redriveSchema } } },
      responses: {
        200: json('Dry run: what would be retried', redriveAnswerSchema),
        202: json('Retried', redriveAnswerSchema),
        ...problems('malformed-json', 'too-large', 'not-json', 'validation'),
      },
    },
  },
  '/alerts/statistics': {
    get: {
      summary: 'Count alerts by status and by cause of failure, and tell the last hour minute by minute',
      description: '`from` (inclusive) and `to` (exclusive) bound the time of receipt of what is counted.',
      requestParams: { query: statisticsQuerySchema },
      responses: { 200: json('The statistics, at most 2 s old', statisticsSchema), ...problems('validation') },
    },
  },
  '/alerts/{uuid}/timeline': {
    get: {
      summary: 'Tell why an alert is late: its steps, and what it waited for between them',
      requestParams: { path: alertPathSchema },
      responses: { 200: json('Its way so far', timelineSchema), ...problems('not-found', 'validation') },
    },
  },
  '/livez': { get: { summary: 'The process answers', responses: { 200: { description: 'It does' } } } },
  '/readyz': {
    get: {
      summary: 'Alerts can be accepted',
      responses: {
        200: json(
          'Yes; `degraded` names what is missing meanwhile',
          z.object({
            status: z.enum(['ready', 'degraded']),
            checks: z.record(z.string(), z.string()),
          }),
        ),
        503: problems()['503'],
      },
    },
  },
};

/** The contract as OpenAPI 3.1, made from the schemas that check the requests. */
export function openApiDocument() {
  return createDocument({
    openapi: '3.1.0',
    info: {
      title: 'Video alerts',
      version: '1.0.0',
      description: 'Accepts alerts of stores’ cameras and tells the resolution of their videos.',
    },
    paths,
  });
}
