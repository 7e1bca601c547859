import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { type BatchResult, batchResponseSchema, batchSchema } from '../alerts/batch-schema.ts';
import { bulkRetryResponseSchema, bulkRetrySchema, retryHeaderSchema } from '../alerts/retry-schema.ts';
import { acceptedAlertSchema, alertPathSchema, newAlertSchema } from '../alerts/schema.ts';
import { statisticsQuerySchema, statisticsSchema } from '../alerts/statistics.ts';
import { storeListSchema, storeQuerySchema } from '../alerts/store-names.ts';
import { timelineSchema } from '../alerts/timeline.ts';
import { problemMembers, validationProblem } from '../http/problem.ts';
import { FAILED, NEW_ALERT, OTHER_NEW_ALERT, RETRIED, STATISTICS, TIMELINE } from './examples.ts';
import { alertPath, operation } from './operation.ts';
import { json } from './responses.ts';

const invalidPath = { subject: 'path', schema: alertPathSchema, invalid: { uuid: '35df2857' } };

/** The third alert of the example has an empty store. */
const INVALID_ALERT = { ...NEW_ALERT, uuid: '9b2e0d4c-1f6a-4c83-8d5e-7f6a5b4c3d2e', store: '' };

function batchResults(): BatchResult[] {
  const { error } = newAlertSchema.safeParse(INVALID_ALERT);
  if (!error) throw new Error('the invalid example is valid');
  const problem = problemMembers(validationProblem(error, 'alert'));
  return [
    { index: 0, uuid: NEW_ALERT.uuid, status: 202, dispatch: 'queued' },
    { index: 1, uuid: OTHER_NEW_ALERT.uuid, status: 200, state: FAILED.status },
    { index: 2, uuid: INVALID_ALERT.uuid, status: problem.status, problem },
  ];
}

const batch = operation('post', '/alerts/batch', 'Alerts', {
  id: 'postBatch',
  summary: 'Create up to 500 alerts, each validated on its own',
  description:
    'The limit for the body is 512 KiB. If several alerts have the same uuid, the first one counts. All accepted alerts ' +
    'are stored when the response arrives. If none is accepted, the response is 422 `batch-rejected`, or 503 `queue-full` ' +
    'if some can be accepted later; both have the `results`, too. For the rate limit, a batch counts as many requests as it has alerts; over ' +
    'the limit the whole batch is rejected.',
  scope: 'write',
  body: { schema: batchSchema, examples: { batch: { alerts: [NEW_ALERT, OTHER_NEW_ALERT, INVALID_ALERT] } } },
  validates: { subject: 'batch', schema: batchSchema, invalid: { alerts: [] } },
  responses: {
    200: json('The result of each alert; at least one is accepted', batchResponseSchema, {
      mixed: { results: batchResults() },
    }),
  },
  problems: ['batch-rejected', 'queue-full'],
});

const retry = operation('post', '/alerts/{uuid}/retry', 'Operations', {
  id: 'retryAlert',
  summary: 'Retry a failed alert with a new round of attempts',
  description:
    'An alert can fail again before a request is repeated, which then starts one more round, with one more notification. ' +
    'To repeat a request safely, send the same Idempotency-Key: for 24 h the first 202 is returned again, also after the ' +
    'alert has ended, and whatever If-Match says. With If-Match, the alert is retried only in the state that you know.',
  scope: 'operate',
  params: { path: alertPath, header: retryHeaderSchema },
  validates: invalidPath,
  responses: {
    202: json(
      'The alert is pending again',
      acceptedAlertSchema,
      { retried: RETRIED },
      'Location',
      'Retry-After',
      'Idempotency-Replayed?',
    ),
  },
  problems: ['not-found', 'not-retryable', 'alert-archived', 'precondition-failed'],
});

const filter = { store: FAILED.store, failure_code: 'video_timeout' } as const;
const selection = { matched: 1, selected: 1, dispatch: 'queued', sample: [FAILED.uuid] } as const;

const bulkRetry = operation('post', '/alerts/retry', 'Operations', {
  id: 'retryAlerts',
  summary: 'Retry the failed alerts that match a filter; by default a dry run',
  scope: 'operate',
  body: {
    schema: bulkRetrySchema,
    examples: { dry_run: { filter }, retry: { filter, max: 1000, rate_per_s: 50, dry_run: false } },
  },
  validates: { subject: 'retry request', schema: bulkRetrySchema, invalid: { filter, max: 0 } },
  responses: {
    200: json('Dry run: the alerts that a retry would select', bulkRetryResponseSchema, {
      dry_run: { dry_run: true, retried: 0, ...selection },
    }),
    202: json('The selected alerts are pending again', bulkRetryResponseSchema, {
      retried: { dry_run: false, retried: 1, ...selection },
    }),
  },
});

const statistics = operation('get', '/alerts/statistics', 'Operations', {
  id: 'getStatistics',
  summary: 'Count alerts by status and failure code, with the last hour minute by minute',
  description: '`from` (inclusive) and `to` (exclusive) limit the time of receipt of the counted alerts.',
  scope: 'read',
  params: { query: statisticsQuerySchema },
  validates: { subject: 'query', schema: statisticsQuerySchema, invalid: { from: 'yesterday' } },
  responses: {
    200: json('The statistics, at most 2 s old', statisticsSchema, { statistics: STATISTICS }, 'Cache-Control'),
  },
});

const stores = operation('get', '/alerts/stores', 'Operations', {
  id: 'listStores',
  summary: 'List the stores that have alerts',
  description: 'For suggestions in a search field. The list is at most 5 s old, longer with thousands of stores.',
  scope: 'read',
  params: { query: storeQuerySchema },
  validates: { subject: 'query', schema: storeQuerySchema, invalid: { limit: 'all' } },
  responses: {
    200: json(
      'The names, in alphabetical order',
      storeListSchema,
      {
        found: { data: ['test-store'], total: 1, similar: [] },
        not_found: { data: [], total: 0, similar: ['test-store'] },
      },
      'Cache-Control',
    ),
  },
});

const timeline = operation('get', '/alerts/{uuid}/timeline', 'Operations', {
  id: 'getTimeline',
  summary: 'Show the steps of an alert and the waits between them',
  scope: 'read',
  params: { path: alertPath },
  validates: invalidPath,
  responses: { 200: json('The steps so far', timelineSchema, { timeline: TIMELINE }, 'Cache-Control') },
  problems: ['not-found'],
});

export const alertActionPaths: ZodOpenApiPathsObject = {
  '/alerts/batch': { post: batch },
  '/alerts/{uuid}/retry': { post: retry },
  '/alerts/retry': { post: bulkRetry },
  '/alerts/statistics': { get: statistics },
  '/alerts/stores': { get: stores },
  '/alerts/{uuid}/timeline': { get: timeline },
};
