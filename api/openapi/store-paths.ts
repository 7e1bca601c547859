import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { encodeCursor, orderOf } from '../stores/order.ts';
import { presentStore } from '../stores/routes.ts';
import { PERIODS, type StorePage, storeOverviewQuerySchema, storePageSchema } from '../stores/schema.ts';
import { operation } from './operation.ts';
import { json } from './responses.ts';

const SUMMARY = {
  ...{ store: 'test-store', alerts: 60, failed: 6, previousAlerts: 48, previousFailed: 1, unfinished: 3, late: 2 },
  lastAlertAt: new Date('2026-11-22T05:58:20.000Z'),
  silentSince: null,
};
const PERIOD = PERIODS['1h'];
const perBucket = (n: number) => Array<number>(PERIOD.buckets).fill(n);
const EXAMPLE: StorePage = {
  data: [presentStore(SUMMARY, { alerts: perBucket(5), failed: [...perBucket(0).slice(1), SUMMARY.failed] })],
  next_cursor: encodeCursor(SUMMARY, orderOf('problems', undefined)),
  total: 2,
  from: '2026-11-22T05:00:00.000Z',
  to: '2026-11-22T06:00:00.000Z',
  bucket_seconds: PERIOD.seconds / PERIOD.buckets,
  counted_from: null,
};

const get = operation('get', '/stores', 'Operations', {
  id: 'storeOverview',
  summary: 'Get an overview of the stores, most problems first',
  description:
    'Of each store: the alerts of the period and of the one before, failures, alerts that wait, and the last alert. Stores ' +
    'without an alert in the period are in it, too. The numbers are some seconds old: all stores are counted at the same time.',
  scope: 'read',
  params: { query: storeOverviewQuerySchema },
  validates: { subject: 'query', schema: storeOverviewQuerySchema, invalid: { period: '1y' } },
  responses: { 200: json('One page', storePageSchema, { page: EXAMPLE }, 'Link?', 'Cache-Control') },
  problems: ['bad-cursor'],
});

export const storePaths: ZodOpenApiPathsObject = { '/stores': { get } };
