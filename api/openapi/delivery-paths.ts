import { z } from 'zod';
import type { ZodOpenApiPathsObject } from 'zod-openapi';
import {
  deliveryPageSchema,
  deliveryPathSchema,
  deliveryQuerySchema,
  deliveryRetryResponseSchema,
  deliveryRetrySchema,
  deliverySchema,
} from '../destinations/delivery-schema.ts';
import { muteListSchema, mutePathSchema, muteSchema, newMuteSchema } from '../destinations/mute-schema.ts';
import {
  DELIVERED,
  DELIVERY_ID,
  DELIVERY_PAGE,
  FAILED_DELIVERY,
  MUTE,
  MUTE_ID,
  PENDING_DELIVERY,
} from './destination-examples.ts';
import { operation } from './operation.ts';
import { headers, json } from './responses.ts';

const path = (example: string) => z.strictObject({ id: z.uuid().meta({ example }) });
const invalidPath = { subject: 'path', schema: deliveryPathSchema, invalid: { id: '2c9d4e1f' } };

const list = operation('get', '/deliveries', 'Destinations', {
  id: 'listDeliveries',
  summary: 'List deliveries, newest first',
  description:
    'There is one delivery for each alert, destination and event. `from` (inclusive) and `to` (exclusive) limit the time of ' +
    'the event. `alert` is a uuid. A key that is limited to stores gets only their deliveries.',
  scope: 'read',
  params: { query: deliveryQuerySchema },
  validates: { subject: 'query', schema: deliveryQuerySchema, invalid: { status: 'sent' } },
  responses: {
    200: json(
      'One page',
      deliveryPageSchema,
      { page: DELIVERY_PAGE, last_page: { data: [PENDING_DELIVERY], next_cursor: null } },
      'Link?',
      'Cache-Control',
    ),
  },
  problems: ['bad-cursor'],
});

const get = operation('get', '/deliveries/{id}', 'Destinations', {
  id: 'getDelivery',
  summary: 'Get a delivery with its attempts',
  scope: 'read',
  params: { path: path(DELIVERY_ID) },
  validates: invalidPath,
  responses: {
    200: json(
      'The delivery',
      deliverySchema,
      { pending: PENDING_DELIVERY, delivered: DELIVERED, failed: FAILED_DELIVERY },
      'Cache-Control',
    ),
  },
  problems: ['not-found'],
});

const retry = operation('post', '/deliveries/{id}/retry', 'Destinations', {
  id: 'retryDelivery',
  summary: 'Retry a failed delivery with a new round of attempts',
  description: 'Of a grouped delivery, the whole message is sent again. It keeps its id.',
  scope: 'manage',
  params: { path: path(DELIVERY_ID) },
  validates: invalidPath,
  responses: {
    202: json('The delivery is pending again', deliverySchema, { retried: PENDING_DELIVERY }, 'Location'),
  },
  problems: ['not-found', 'delivery-not-failed'],
});

const bulkRetry = operation('post', '/deliveries/retry', 'Destinations', {
  id: 'retryDeliveries',
  summary: 'Retry the failed deliveries that match; by default a dry run',
  scope: 'manage',
  body: {
    schema: deliveryRetrySchema,
    examples: { dry_run: {}, retry: { failure_code: 'video_timeout', max: 1000, rate_per_s: 20, dry_run: false } },
  },
  validates: { subject: 'retry request', schema: deliveryRetrySchema, invalid: { max: 0 } },
  responses: {
    200: json('Dry run: what a retry would select', deliveryRetryResponseSchema, {
      dry_run: { dry_run: true, matched: 12, selected: 12, retried: 0 },
    }),
    202: json('The selected deliveries are pending again', deliveryRetryResponseSchema, {
      retried: { dry_run: false, matched: 12, selected: 12, retried: 12 },
    }),
  },
});

const listMutes = operation('get', '/mutes', 'Destinations', {
  id: 'listMutes',
  summary: 'List the mutes that have not ended',
  scope: 'read',
  responses: {
    200: json('Those that end first, first', muteListSchema, { mutes: { data: [MUTE] } }, 'Cache-Control'),
  },
});

const NEW_MUTE = { store: MUTE.store, failure_code: MUTE.failure_code, duration: '2h', reason: MUTE.reason };

const createMute = operation('post', '/mutes', 'Destinations', {
  id: 'createMute',
  summary: 'Send nothing about a store or a failure code for a while',
  description: 'Its deliveries are recorded as `muted` and counted. They are not sent later.',
  scope: 'manage',
  body: { schema: newMuteSchema, examples: { mute: NEW_MUTE } },
  validates: { subject: 'mute', schema: newMuteSchema, invalid: { ...NEW_MUTE, duration: 'long' } },
  responses: { 201: json('The mute', muteSchema, { mute: { ...MUTE, muted: 0 } }) },
});

const endMute = operation('delete', '/mutes/{id}', 'Destinations', {
  id: 'endMute',
  summary: 'End a mute now',
  scope: 'manage',
  params: { path: path(MUTE_ID) },
  validates: { ...invalidPath, schema: mutePathSchema },
  responses: { 204: { description: 'It has ended', headers: headers() } },
  problems: ['not-found'],
});

export const deliveryPaths: ZodOpenApiPathsObject = {
  '/deliveries': { get: list },
  '/deliveries/{id}': { get },
  '/deliveries/{id}/retry': { post: retry },
  '/deliveries/retry': { post: bulkRetry },
  '/mutes': { get: listMutes, post: createMute },
  '/mutes/{id}': { delete: endMute },
};
