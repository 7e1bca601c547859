import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { batchResponseSchema, batchSchema } from '../alerts/batch-schema.ts';
import { acceptedAlertSchema, bulkRetryResponseSchema, bulkRetrySchema } from '../alerts/schema.ts';
import { statisticsQuerySchema, statisticsSchema } from '../alerts/statistics.ts';
import { timelineSchema } from '../alerts/timeline.ts';
import { POSTED, RETRIED, UUID } from './examples.ts';
import { onePath, operation } from './operation.ts';
import { json } from './responses.ts';

const OTHER = '6f1d2c3b-4a59-4e68-9f70-8192a3b4c5d6';

const batch = operation('post', '/alerts/batch', 'Alerts', {
  id: 'postBatch',
  summary: 'Accept up to 500 alerts, each judged by itself',
  description:
    'The body may have 512 KiB. Of several alerts with one uuid the first counts. All that is accepted is stored when the answer comes. A batch counts for as many requests as it holds alerts; over the limit none of it is taken.',
  scope: 'write',
  body: { schema: batchSchema, examples: { batch: { alerts: [POSTED, { ...POSTED, uuid: OTHER, store: '' }] } } },
  answers: {
    200: json('What became of each', batchResponseSchema, {
      mixed: {
        results: [
          { index: 0, uuid: UUID, status: 202, dispatch: 'queued' },
          { index: 1, uuid: OTHER, status: 200, state: 'processed' },
          {
            index: 2,
            status: 422,
            problem: {
              type: '/problems/validation',
              title: 'Validation failed',
              status: 422,
              detail: 'The alert has 1 invalid field.',
              errors: [{ pointer: '#/store', code: 'too_small', detail: 'must not be empty' }],
            },
          },
        ],
      },
    }),
  },
});

const retry = operation('post', '/alerts/{uuid}/retry', 'Operating', {
  id: 'retryAlert',
  summary: 'Give a failed alert a new round of attempts',
  scope: 'operate',
  params: { path: onePath },
  answers: { 202: json('Pending again', acceptedAlertSchema, { retried: RETRIED }, 'Location', 'Retry-After') },
  problems: ['not-found', 'not-retryable', 'validation'],
});

const REDRIVE = { matched: 1204, selected: 1000, dispatch: 'queued', sample: [UUID] } as const;

const redrive = operation('post', '/alerts/retry', 'Operating', {
  id: 'retryAlerts',
  summary: 'Retry the failed alerts that match, a dry run unless told otherwise',
  scope: 'operate',
  body: {
    schema: bulkRetrySchema,
    examples: {
      dry_run: { filter: { store: 'test-store', failure_code: 'video_timeout' } },
      retry: { filter: { failure_code: 'video_timeout' }, max: 1000, rate_per_s: 50, dry_run: false },
    },
  },
  answers: {
    200: json('Dry run: what would be retried', bulkRetryResponseSchema, {
      dry_run: { dry_run: true, retried: 0, ...REDRIVE },
    }),
    202: json('Retried', bulkRetryResponseSchema, { retried: { dry_run: false, retried: 1000, ...REDRIVE } }),
  },
});

const statistics = operation('get', '/alerts/statistics', 'Operating', {
  id: 'getStatistics',
  summary: 'Count alerts by status and by cause of failure, and tell the last hour minute by minute',
  description: '`from` (inclusive) and `to` (exclusive) bound the time of receipt of what is counted.',
  scope: 'read',
  params: { query: statisticsQuerySchema },
  answers: {
    200: json(
      'The statistics, at most 2 s old',
      statisticsSchema,
      {
        statistics: {
          counted: 1210,
          complete: true,
          counts: { pending: 3, processing: 1, processed: 1200, failed: 6 },
          oldest_open_at: '2026-11-22T05:59:58.000Z',
          failures: [
            {
              code: 'video_timeout',
              count: 6,
              newest_at: '2026-11-22T05:58:00.000Z',
              stores: [{ store: 'test-store', count: 6 }],
              other_stores: 0,
            },
          ],
          minutes: [
            { at: '2026-11-22T06:00:00.000Z', received: 20, processed: 19, failed: 1, p50_ms: 80, p95_ms: 140 },
          ],
        },
      },
      'Cache-Control',
    ),
  },
  problems: ['validation'],
});

const timeline = operation('get', '/alerts/{uuid}/timeline', 'Operating', {
  id: 'getTimeline',
  summary: 'Tell why an alert is late: its steps, and what it waited for between them',
  scope: 'read',
  params: { path: onePath },
  answers: {
    200: json(
      'Its way so far',
      timelineSchema,
      {
        timeline: {
          uuid: UUID,
          summary: 'Waited 40 ms to be claimed.',
          steps: [
            { step: 'received', at: '2026-11-22T06:00:00.000Z', wait_ms: null },
            { step: 'queued', at: '2026-11-22T06:00:00.010Z', wait_ms: 10 },
            { step: 'claimed', at: '2026-11-22T06:00:00.050Z', wait_ms: 40 },
            { step: 'probed', at: '2026-11-22T06:00:00.090Z', wait_ms: 40 },
            { step: 'notified', at: '2026-11-22T06:00:00.100Z', wait_ms: 10 },
          ],
          waiting: null,
          total_ms: 100,
          attempts: 1,
          attempts_before: 0,
          crashes: 0,
          last_fault: null,
          failure: null,
          bytes_fetched: 65_536,
        },
      },
      'Cache-Control',
    ),
  },
  problems: ['not-found', 'validation'],
});

export const alertActionPaths: ZodOpenApiPathsObject = {
  '/alerts/batch': { post: batch },
  '/alerts/{uuid}/retry': { post: retry },
  '/alerts/retry': { post: redrive },
  '/alerts/statistics': { get: statistics },
  '/alerts/{uuid}/timeline': { get: timeline },
};
