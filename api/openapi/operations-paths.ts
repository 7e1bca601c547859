import { z } from 'zod';
import type { ZodOpenApiPathsObject, ZodOpenApiResponseObject } from 'zod-openapi';
import { PROBLEMS } from '../http/problem.ts';
import { operation } from './operation.ts';
import { problemPage } from './problem-page.ts';
import { problems } from './problems.ts';
import { headers, json } from './responses.ts';

const CHECKS = { database: 'ok', migrations: 'ok', database_disk: 'ok', queue: 'ok', media_disk: 'ok' };

function text(type: string, description: string, example: string): ZodOpenApiResponseObject {
  const content = { [type]: { schema: z.string(), examples: { text: { value: example } } } };
  return { description, content, headers: headers('Cache-Control?') };
}

const livez = operation('get', '/livez', 'System', {
  id: 'getLivez',
  summary: 'Check that the process is running',
  responses: {
    200: json(
      'It is running',
      z.strictObject({ status: z.literal('alive') }),
      { alive: { status: 'alive' } },
      'Cache-Control',
    ),
  },
});

const readyz = operation('get', '/readyz', 'System', {
  id: 'getReadyz',
  summary: 'Check that the API accepts alerts',
  responses: {
    200: json(
      'It accepts alerts; `degraded` means that a component is unavailable and its work is deferred',
      z.strictObject({ status: z.enum(['ready', 'degraded']), checks: z.record(z.string(), z.string()) }),
      {
        ready: { status: 'ready', checks: CHECKS },
        degraded: { status: 'degraded', checks: { ...CHECKS, queue: 'the queue is unavailable' } },
      },
      'Cache-Control',
    ),
    ...problems('/readyz', ['unavailable']),
  },
});

const metrics = operation('get', '/metrics', 'System', {
  id: 'getMetrics',
  summary: 'Get the metrics of this process in Prometheus format',
  scope: 'metrics',
  responses: {
    200: text('text/plain', 'The metrics', 'alerts_received_total{result="created"} 42\n'),
  },
});

const openApi = operation('get', '/openapi.json', 'System', {
  id: 'getOpenApi',
  summary: 'Get this document',
  responses: {
    200: json('OpenAPI 3.1', z.looseObject({ openapi: z.string() }), { document: { openapi: '3.1.0' } }),
  },
});

const problem = operation('get', '/problems/{name}', 'System', {
  id: 'getProblem',
  summary: 'Explain a kind of problem',
  params: { path: z.object({ name: z.enum(Object.keys(PROBLEMS)).meta({ example: 'not-found' }) }) },
  responses: { 200: text('text/plain', 'The explanation', problemPage('not-found')) },
  problems: ['not-found'],
});

const docs = operation('get', '/docs', 'System', {
  id: 'getDocs',
  summary: 'Show this document as an interactive page',
  responses: { 200: text('text/html', 'The page', '<!doctype html>…') },
});

export const operationsPaths: ZodOpenApiPathsObject = {
  '/livez': { get: livez },
  '/readyz': { get: readyz },
  '/metrics': { get: metrics },
  '/openapi.json': { get: openApi },
  '/docs': { get: docs },
  '/problems/{name}': { get: problem },
};
