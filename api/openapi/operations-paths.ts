import { z } from 'zod';
import type { ZodOpenApiPathsObject, ZodOpenApiResponseObject } from 'zod-openapi';
import { operation } from './operation.ts';
import { problems } from './problems.ts';
import { headers, json } from './responses.ts';

const CHECKS = { database: 'ok', migrations: 'ok', queue: 'ok' };
const DOWN = 'the queue does not answer';

function text(type: string, description: string, example: string): ZodOpenApiResponseObject {
  const content = { [type]: { schema: z.string(), examples: { page: { value: example } } } };
  return { description, content, headers: headers('Cache-Control?') };
}

const alive = operation('get', '/livez', 'House', {
  id: 'getLivez',
  summary: 'The process answers',
  answers: {
    200: json(
      'It does',
      z.strictObject({ status: z.literal('alive') }),
      { alive: { status: 'alive' } },
      'Cache-Control',
    ),
  },
});

const ready = operation('get', '/readyz', 'House', {
  id: 'getReadyz',
  summary: 'Alerts can be accepted',
  answers: {
    200: json(
      'Yes; `degraded` names what is missing meanwhile',
      z.strictObject({ status: z.enum(['ready', 'degraded']), checks: z.record(z.string(), z.string()) }),
      {
        ready: { status: 'ready', checks: CHECKS },
        degraded: { status: 'degraded', checks: { ...CHECKS, queue: DOWN } },
      },
      'Cache-Control',
    ),
    ...problems('/readyz', ['unavailable']),
  },
});

const metrics = operation('get', '/metrics', 'House', {
  id: 'getMetrics',
  summary: 'What this process counted, for Prometheus',
  scope: 'metrics',
  answers: {
    200: text('text/plain', 'The metrics', 'alerts_received_total{result="created"} 42\n'),
  },
});

const document = operation('get', '/openapi.json', 'House', {
  id: 'getOpenApi',
  summary: 'This document',
  answers: {
    200: json('OpenAPI 3.1', z.looseObject({ openapi: z.string() }), { document: { openapi: '3.1.0' } }),
  },
});

const problemPage = operation('get', '/problems/{name}', 'House', {
  id: 'getProblem',
  summary: 'Tell what a kind of problem means and what to do about it',
  params: { path: z.object({ name: z.string().meta({ example: 'validation' }) }) },
  answers: {
    200: text('text/plain', 'In words', '409 The alert has not failed\n\nOnly a failed alert can be retried.\n'),
  },
  problems: ['not-found'],
});

const docs = operation('get', '/docs', 'House', {
  id: 'getDocs',
  summary: 'This document as a page to read and try',
  answers: { 200: text('text/html', 'The page', '<!doctype html>…') },
});

export const operationsPaths: ZodOpenApiPathsObject = {
  '/livez': { get: alive },
  '/readyz': { get: ready },
  '/metrics': { get: metrics },
  '/openapi.json': { get: document },
  '/docs': { get: docs },
  '/problems/{name}': { get: problemPage },
};
