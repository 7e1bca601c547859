import { z } from 'zod';
import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { alertListQuerySchema } from '../alerts/list-schema.ts';
import {
  acceptedAlertSchema,
  alertPageSchema,
  alertPathSchema,
  alertSchema,
  eventQuerySchema,
  newAlertSchema,
} from '../alerts/schema.ts';
import { ACCEPTED, EVENT_STREAM, FAILED, NEW_ALERT, PAGE, PENDING, PROCESSED, WAITING } from './examples.ts';
import { deleteAlert } from './hold-paths.ts';
import { alertPath, operation } from './operation.ts';
import { headers, json } from './responses.ts';

// /docs fills in examples, so that only parameters that are useful in a first request have one.
const header = (description: string, example?: string) =>
  z
    .string()
    .optional()
    .meta({ description, ...(example !== undefined && { example }) });

const invalidQuery = { subject: 'query', invalid: { status: 'done' } };

const post = operation('post', '/alerts', 'Alerts', {
  id: 'postAlert',
  summary: 'Create an alert',
  description:
    '202 means that the alert is stored and will be processed or will fail with a reason. If the uuid already exists ' +
    'with the same content, the response is 200 with the current state. It is therefore safe to send a POST again ' +
    'if its response was lost.',
  scope: 'write',
  body: { schema: newAlertSchema, examples: { alert: NEW_ALERT } },
  validates: { subject: 'alert', schema: newAlertSchema, invalid: { ...NEW_ALERT, store: '' } },
  responses: {
    202: json(
      'The alert is stored and will be processed',
      acceptedAlertSchema,
      { accepted: ACCEPTED },
      'Location',
      'Retry-After',
    ),
    200: json(
      'The alert already existed; its current state',
      alertSchema,
      { replayed: PROCESSED },
      'Idempotency-Replayed',
    ),
  },
  problems: ['alert-conflict', 'queue-full'],
});

const list = operation('get', '/alerts', 'Alerts', {
  id: 'listAlerts',
  summary: 'List alerts, newest or oldest first',
  description:
    '`from` (inclusive) and `to` (exclusive) limit the time of receipt. With a read replica, the list may be some seconds ' +
    'old, unless the request has the header `Cache-Control: no-cache`.',
  scope: 'read',
  params: { query: alertListQuerySchema },
  validates: { schema: alertListQuerySchema, ...invalidQuery },
  responses: {
    200: json(
      'One page',
      alertPageSchema,
      {
        page: PAGE,
        last_page: { data: [PENDING], next_cursor: null },
        search: { data: [PROCESSED], next_cursor: null, searched_from: null },
      },
      'Link?',
      'Cache-Control',
    ),
  },
  problems: ['bad-cursor'],
});

const get = operation('get', '/alerts/{uuid}', 'Alerts', {
  id: 'getAlert',
  summary: 'Get an alert',
  description:
    'With `Prefer: wait=N` (1 to 25 s) the response is delayed until the state changes: from the one whose ETag is sent ' +
    'as If-None-Match, otherwise from the current one. If no change can follow, the response is immediate. Without a ' +
    'wait, the response for a final alert may be a second old, unless the request has the header `Cache-Control: no-cache`.',
  scope: 'read',
  params: {
    path: alertPath,
    header: z.object({
      Prefer: header('Maximum seconds to wait for a change of the state; at most 25.', 'wait=20'),
      'If-None-Match': header('The ETag of the last known state.'),
    }),
  },
  validates: { subject: 'path', schema: alertPathSchema, invalid: { uuid: '35df2857' } },
  responses: {
    200: json(
      'The alert',
      alertSchema,
      { pending: PENDING, waiting_for_retry: WAITING, processed: PROCESSED, failed: FAILED },
      'ETag',
      'Cache-Control',
      'Retry-After?',
      'Preference-Applied?',
    ),
  },
  problems: ['not-found', 'too-many-held'],
});

const events = operation('get', '/alerts/events', 'Alerts', {
  id: 'streamEvents',
  summary: 'Stream status changes as Server-Sent Events',
  description:
    'Each event is named `alert.<status>` and contains the alert as `GET /alerts/{uuid}` returns it. Changes of one ' +
    'alert within a fraction of a second are merged: the stream contains the last one. To resume after a disconnect, ' +
    'from any replica, send the last `id` as Last-Event-ID; without it the stream starts with the next change. ' +
    '`event: reset` means that the id does not belong to this database: reload the list. `event: ping` is sent every ' +
    '5 s: after 10 s without any event, reconnect. ' +
    'The stream does not end, so “Try it out” shows nothing here: use curl -N.',
  scope: 'read',
  params: {
    query: eventQuerySchema,
    header: z.object({ 'Last-Event-ID': header('The id of the last event that was received.') }),
  },
  validates: { schema: eventQuerySchema, ...invalidQuery },
  responses: {
    200: {
      description: 'The stream',
      content: { 'text/event-stream': { schema: z.string(), examples: { stream: { value: EVENT_STREAM } } } },
      headers: headers('Cache-Control', 'X-Accel-Buffering'),
    },
  },
  problems: ['bad-event-id', 'too-many-held'],
});

export const alertPaths: ZodOpenApiPathsObject = {
  '/alerts': { post, get: list },
  '/alerts/events': { get: events },
  '/alerts/{uuid}': { get, delete: deleteAlert },
};
