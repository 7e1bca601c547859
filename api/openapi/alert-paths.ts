import { z } from 'zod';
import type { ZodOpenApiPathsObject } from 'zod-openapi';
import {
  acceptedAlertSchema,
  alertPageSchema,
  alertQuerySchema,
  alertSchema,
  eventQuerySchema,
  newAlertSchema,
} from '../alerts/schema.ts';
import { ACCEPTED, FAILED, PENDING, POSTED, PROCESSED, STREAM } from './examples.ts';
import { onePath, operation } from './operation.ts';
import { headers, json } from './responses.ts';

// /docs fills an example in: only what is good for a first try has one.
const header = (description: string, example?: string) =>
  z
    .string()
    .optional()
    .meta({ description, ...(example !== undefined && { example }) });

const post = operation('post', '/alerts', 'Alerts', {
  id: 'postAlert',
  summary: 'Accept an alert',
  description:
    '202 is a promise: the alert is stored and will end processed or failed. The same uuid with the same content is ' +
    'answered with 200 and its state, so a POST whose answer was lost can simply be sent again.',
  scope: 'write',
  body: { schema: newAlertSchema, examples: { alert: POSTED } },
  answers: {
    202: json(
      'Stored; its video will be looked at',
      acceptedAlertSchema,
      { accepted: ACCEPTED },
      'Location',
      'Retry-After',
    ),
    200: json(
      'The same alert was accepted before; its state now',
      alertSchema,
      { replayed: PROCESSED },
      'Idempotency-Replayed',
    ),
  },
  problems: ['alert-conflict', 'queue-full'],
});

const list = operation('get', '/alerts', 'Alerts', {
  id: 'listAlerts',
  summary: 'List alerts, the newest received first',
  description: '`from` (inclusive) and `to` (exclusive) bound the time of receipt.',
  scope: 'read',
  params: { query: alertQuerySchema },
  answers: {
    200: json(
      'One page',
      alertPageSchema,
      {
        page: { data: [PROCESSED, FAILED], next_cursor: 'MTc5NTMzMDAwMDAwMC43' },
        last_page: { data: [PENDING], next_cursor: null },
      },
      'Link?',
      'Cache-Control',
    ),
  },
  problems: ['bad-cursor', 'validation'],
});

const get = operation('get', '/alerts/{uuid}', 'Alerts', {
  id: 'getAlert',
  summary: 'Tell the state of an alert',
  description:
    '`Prefer: wait=N` (1 to 25 s) holds the answer until the state changes: from the one whose ETag is sent as ' +
    'If-None-Match, else from the one at the time of asking. Where nothing more is to come it is answered at once.',
  scope: 'read',
  params: {
    path: onePath,
    header: z.object({
      Prefer: header('Seconds to wait for a change of the state; above 25 counts as 25.', 'wait=20'),
      'If-None-Match': header('The ETag of the state that is known.'),
    }),
  },
  answers: {
    200: json(
      'The alert',
      alertSchema,
      { pending: PENDING, processed: PROCESSED, failed: FAILED },
      'ETag',
      'Cache-Control',
      'Retry-After?',
      'Preference-Applied?',
    ),
  },
  problems: ['not-found', 'validation', 'too-many-held'],
});

const events = operation('get', '/alerts/events', 'Alerts', {
  id: 'streamEvents',
  summary: 'Tell changes of status as they happen, as Server-Sent Events',
  description:
    'Each event is named `alert.<status>` and holds the alert as `GET /alerts/{uuid}` shows it; of changes that follow ' +
    'each other within a fraction of a second the last is told. `id` is a place in the order of changes: sent back as ' +
    'Last-Event-ID, to any replica, the stream goes on there; without one it begins now. `event: reset` says that the ' +
    'id is not of this database: load the list anew. A `: ping` comes every 15 s. It does not end by itself, so ' +
    '“Try it out” shows nothing here: use curl -N.',
  scope: 'read',
  params: {
    query: eventQuerySchema,
    header: z.object({ 'Last-Event-ID': header('The id of the last event that was seen.') }),
  },
  answers: {
    200: {
      description: 'The stream',
      content: { 'text/event-stream': { schema: z.string(), examples: { stream: { value: STREAM } } } },
      headers: headers('Cache-Control', 'X-Accel-Buffering'),
    },
  },
  problems: ['bad-event-id', 'validation', 'too-many-held'],
});

export const alertPaths: ZodOpenApiPathsObject = {
  '/alerts': { post, get: list },
  '/alerts/events': { get: events },
  '/alerts/{uuid}': { get },
};
