import { z } from 'zod';
import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { deliverySchema } from '../destinations/delivery-schema.ts';
import {
  anyDestinationSchema,
  CONSOLE,
  createdDestinationSchema,
  destinationListSchema,
  destinationPatchSchema,
  destinationPathSchema,
  documentedNewDestination,
  documentedPatch,
  newDestinationSchema,
  rotatedSecretSchema,
  testResultSchema,
} from '../destinations/schema.ts';
import {
  CREATED_DESTINATION,
  DELIVERY_ID,
  DESTINATION,
  DESTINATIONS,
  DISABLED_DESTINATION,
  FAILING_DESTINATION,
  NEW_DESTINATION,
  NEW_EMAIL,
  SIGNING_SECRET,
  TEST_DELIVERY,
} from './destination-examples.ts';
import { operation } from './operation.ts';
import { headers, json } from './responses.ts';

const path = z.strictObject({ id: z.string().meta({ description: 'The id of a destination, or `console`.' }) });
const invalidPath = { subject: 'path', schema: destinationPathSchema, invalid: { id: 'back office' } };

const list = operation('get', '/destinations', 'Destinations', {
  id: 'listDestinations',
  summary: 'List all destinations with their health',
  scope: 'read',
  responses: {
    200: json('`console` first, the others by name', destinationListSchema, { all: DESTINATIONS }, 'Cache-Control'),
  },
});

const create = operation('post', '/destinations', 'Destinations', {
  id: 'createDestination',
  summary: 'Create a destination',
  description:
    'Secret fields (`headers` of a webhook, `password`, `token`, and the `url` of a chat) are stored encrypted and are in no ' +
    'response. The signing secret of a webhook is generated, and shown only in this response.',
  scope: 'manage',
  body: { schema: documentedNewDestination, examples: { webhook: NEW_DESTINATION, email: NEW_EMAIL } },
  validates: {
    subject: 'destination',
    schema: newDestinationSchema,
    invalid: { ...NEW_DESTINATION, name: '' },
  },
  responses: {
    201: json(
      'The destination',
      createdDestinationSchema,
      { webhook: { ...CREATED_DESTINATION, signing_secret: SIGNING_SECRET } },
      'Location',
    ),
  },
  problems: ['name-taken', 'secrets-unavailable'],
});

const get = operation('get', '/destinations/{id}', 'Destinations', {
  id: 'getDestination',
  summary: 'Get a destination with its health',
  scope: 'read',
  params: { path },
  validates: invalidPath,
  responses: {
    200: json(
      'The destination',
      anyDestinationSchema,
      { ok: DESTINATION, blocked: FAILING_DESTINATION, disabled: DISABLED_DESTINATION, console: CONSOLE },
      'Cache-Control',
    ),
  },
  problems: ['not-found'],
});

const change = operation('patch', '/destinations/{id}', 'Destinations', {
  id: 'changeDestination',
  summary: 'Change, disable or enable a destination',
  description:
    'Absent fields keep their value. While a destination is disabled, its deliveries stay pending. If SECRETS_KEY was lost, ' +
    'send `config` with all secret fields: a webhook then gets a new signing secret, which is in this response.',
  scope: 'manage',
  params: { path },
  body: {
    schema: documentedPatch,
    examples: {
      disable: { enabled: false },
      change: { config: { url: 'https://backoffice.example.com/v2' }, filter: { events: ['alert.failed'] } },
    },
  },
  validates: { subject: 'destination', schema: destinationPatchSchema, invalid: { enabled: 'yes' } },
  responses: {
    200: json('The changed destination', createdDestinationSchema, { disabled: DISABLED_DESTINATION }),
  },
  problems: ['not-found', 'builtin-destination', 'name-taken', 'secrets-unavailable'],
});

const remove = operation('delete', '/destinations/{id}', 'Destinations', {
  id: 'deleteDestination',
  summary: 'Delete a destination with its deliveries',
  description: 'Deliveries that are pending are not sent any more. To keep them, disable the destination.',
  scope: 'manage',
  params: { path },
  validates: invalidPath,
  responses: { 204: { description: 'It is deleted', headers: headers() } },
  problems: ['not-found', 'builtin-destination'],
});

const result = { delivery: DELIVERY_ID, body: 'ok', ms: 84 };

const test = operation('post', '/destinations/{id}/test', 'Destinations', {
  id: 'testDestination',
  summary: 'Send a test message and wait for the response',
  description: 'A worker sends it, also while the destination is disabled. It is sent once and not retried.',
  scope: 'manage',
  params: { path },
  validates: invalidPath,
  responses: {
    200: json('The result of the attempt', testResultSchema, {
      delivered: { ...result, delivered: true, status: 200, error: null },
      not_delivered: {
        ...result,
        delivered: false,
        status: null,
        body: null,
        error: 'the address 10.0.0.7 is blocked',
      },
    }),
    202: json('No worker has sent it after 20 s', deliverySchema, { waiting: TEST_DELIVERY }, 'Location'),
  },
  problems: ['not-found', 'builtin-destination', 'too-many-held'],
});

const rotateSecret = operation('post', '/destinations/{id}/rotate-secret', 'Destinations', {
  id: 'rotateSecret',
  summary: 'Replace the signing secret of a webhook',
  description: 'For 24 hours each message has the signatures of both secrets.',
  scope: 'manage',
  params: { path },
  validates: invalidPath,
  responses: {
    200: json('The new secret, shown only here', rotatedSecretSchema, {
      rotated: { signing_secret: SIGNING_SECRET, previous_valid_until: '2026-11-23T06:00:00.000Z' },
    }),
  },
  problems: ['not-found', 'builtin-destination', 'no-signing-secret', 'secrets-unavailable'],
});

export const destinationPaths: ZodOpenApiPathsObject = {
  '/destinations': { get: list, post: create },
  '/destinations/{id}': { get, patch: change, delete: remove },
  '/destinations/{id}/test': { post: test },
  '/destinations/{id}/rotate-secret': { post: rotateSecret },
};
