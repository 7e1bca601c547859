import { z } from 'zod';
import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { presentKey } from '../keys/present.ts';
import {
  createdKeySchema,
  keyListSchema,
  keyPathSchema,
  keySchema,
  newKeySchema,
  rotatedKeySchema,
  rotationSchema,
} from '../keys/schema.ts';
import { operation } from './operation.ts';
import { headers, json } from './responses.ts';

export const KEY_ID = '3f9c2a71d0';
const NEW_ID = 'a81b0c94ee';
const OWN_ID = '7d3c1f0a2b';

const at = (time: string) => new Date(`2026-11-22T${time}.000Z`);
const NEW_KEY = { name: 'harbour cameras', scopes: ['write'], stores: ['harbour-store'] };
const unused = { lastUsedAt: null, revokedAt: null, replacedBy: null };
const ROW = { ...NEW_KEY, ...unused, id: KEY_ID, createdAt: at('06:00:00'), expiresAt: null };
const KEY = presentKey({ ...ROW, lastUsedAt: at('07:00:00') }, OWN_ID);
const OWN = presentKey({ ...ROW, id: OWN_ID, name: 'first', scopes: ['read', 'manage'], stores: [] }, OWN_ID);
const REPLACEMENT = { ...ROW, id: NEW_ID, createdAt: at('08:00:00') };

const params = { path: z.strictObject({ id: keyPathSchema.shape.id.meta({ example: KEY_ID }) }) };
const invalidPath = { subject: 'path', schema: keyPathSchema, invalid: { id: 'harbour cameras' } };
const secretOf = (id: string) => `va_${id}_${'x'.repeat(43)}`;

const list = operation('get', '/keys', 'Administration', {
  id: 'listKeys',
  summary: 'List all API keys',
  description: 'A key that is limited to stores gets the keys that are limited to these.',
  scope: 'manage',
  responses: { 200: json('The keys', keyListSchema, { keys: { data: [OWN, KEY] } }, 'Cache-Control') },
});

const create = operation('post', '/keys', 'Administration', {
  id: 'createKey',
  summary: 'Create an API key',
  description:
    'The key is only in this response; the database has the SHA-256 of its secret. It works at once. It can have only scopes and ' +
    'stores that the key of the request has: otherwise 403.',
  scope: 'manage',
  body: { schema: newKeySchema, examples: { cameras: NEW_KEY } },
  validates: { subject: 'key', schema: newKeySchema, invalid: { ...NEW_KEY, scopes: ['all'] } },
  responses: {
    201: json(
      'The key',
      createdKeySchema,
      { created: { ...presentKey(ROW, OWN_ID), key: secretOf(KEY_ID) } },
      'Location',
      'Cache-Control',
    ),
  },
});

const get = operation('get', '/keys/{id}', 'Administration', {
  id: 'getKey',
  summary: 'Get an API key',
  scope: 'manage',
  params,
  validates: invalidPath,
  responses: { 200: json('The key, without its secret', keySchema, { key: KEY }, 'Cache-Control') },
  problems: ['not-found'],
});

const rotate = operation('post', '/keys/{id}/rotate', 'Administration', {
  id: 'rotateKey',
  summary: 'Replace an API key',
  description:
    'Creates a key with the same name, scopes and stores, which is only in this response. The old key stays valid for `overlap`, ' +
    'so that its user can change over without an interruption. With the overlap `0`, it is rejected within 5 seconds.',
  scope: 'manage',
  params,
  body: { schema: rotationSchema, examples: { week: { overlap: '7d' } } },
  validates: { subject: 'rotation', schema: rotationSchema, invalid: { overlap: '1 week' } },
  responses: {
    201: json(
      'The new key',
      rotatedKeySchema,
      {
        rotated: {
          ...presentKey(REPLACEMENT, OWN_ID),
          key: secretOf(NEW_ID),
          replaces: { id: KEY_ID, valid_until: '2026-11-29T08:00:00.000Z' },
        },
      },
      'Location',
      'Cache-Control',
    ),
  },
  problems: ['not-found', 'key-not-active', 'own-key'],
});

const revoke = operation('delete', '/keys/{id}', 'Administration', {
  id: 'revokeKey',
  summary: 'Revoke an API key',
  description:
    'Every process rejects the key within 5 seconds, and its logins end. Its row stays. Revoking it again changes nothing. The key ' +
    'of the request itself cannot be revoked (409), so that an administrator is not locked out.',
  scope: 'manage',
  params,
  validates: invalidPath,
  responses: { 204: { description: 'It is revoked', headers: headers() } },
  problems: ['not-found', 'own-key'],
});

export const keyPaths: ZodOpenApiPathsObject = {
  '/keys': { get: list, post: create },
  '/keys/{id}': { get, delete: revoke },
  '/keys/{id}/rotate': { post: rotate },
};
