import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { newHoldSchema } from '../alerts/hold-schema.ts';
import { alertPathSchema, alertSchema } from '../alerts/schema.ts';
import { presentEntry } from '../audit/routes.ts';
import { auditPageSchema, auditQuerySchema } from '../audit/schema.ts';
import { PROCESSED, UUID } from './examples.ts';
import { alertPath, operation } from './operation.ts';
import { headers, json } from './responses.ts';

const invalidPath = { subject: 'path', schema: alertPathSchema, invalid: { uuid: '35df2857' } };

const HOLD = { reason: 'case 2026-0147', created_by: 'security', created_at: '2026-11-22T08:00:00.000Z' };

const hold = operation('put', '/alerts/{uuid}/hold', 'Keeping', {
  id: 'holdAlert',
  summary: 'Place a legal hold, or change its reason',
  description: 'A held alert, its pictures and its copies are not deleted: not by retention, and not by DELETE.',
  scope: 'manage',
  params: { path: alertPath },
  body: { schema: newHoldSchema, examples: { hold: { reason: HOLD.reason } } },
  validates: { subject: 'hold', schema: newHoldSchema, invalid: { reason: '' } },
  responses: { 200: json('The alert', alertSchema, { held: { ...PROCESSED, hold: HOLD } }, 'Cache-Control') },
  problems: ['not-found'],
});

const release = operation('delete', '/alerts/{uuid}/hold', 'Keeping', {
  id: 'releaseAlert',
  summary: 'Release a legal hold',
  scope: 'manage',
  params: { path: alertPath },
  validates: invalidPath,
  responses: { 204: { description: 'The alert is not held any more', headers: headers() } },
  problems: ['not-found'],
});

export const deleteAlert = operation('delete', '/alerts/{uuid}', 'Keeping', {
  id: 'deleteAlert',
  summary: 'Delete an alert with everything that belongs to it',
  description:
    'Also its deliveries that were not sent yet, and its picture and copy unless another alert has the same. An alert ' +
    'that a worker is processing cannot be deleted.',
  scope: 'manage',
  params: { path: alertPath },
  validates: invalidPath,
  responses: { 204: { description: 'It is deleted', headers: headers() } },
  problems: ['not-found', 'alert-held', 'alert-processing'],
});

const ENTRY = presentEntry({
  ...{ id: 42n, at: new Date(HOLD.created_at), actor: '7d3c1f0a2b', actorName: HOLD.created_by },
  ...{ address: '192.0.2.7', action: 'hold.placed', target: UUID, details: { reason: HOLD.reason } },
  hash: Buffer.from('9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08', 'hex'),
});

const audit = operation('get', '/audit', 'Keeping', {
  id: 'listAudit',
  summary: 'List the audit log, newest first',
  description: '`from` (inclusive) and `to` (exclusive) limit the time. `npm run audit -- verify` verifies the hashes.',
  scope: 'manage',
  params: { query: auditQuerySchema },
  validates: { subject: 'query', schema: auditQuerySchema, invalid: { action: 'hold' } },
  responses: {
    200: json(
      'One page',
      auditPageSchema,
      { page: { data: [ENTRY], next_cursor: Buffer.from('audit.42').toString('base64url') } },
      'Link?',
      'Cache-Control',
    ),
  },
  problems: ['bad-cursor'],
});

export const holdPaths: ZodOpenApiPathsObject = { '/alerts/{uuid}/hold': { put: hold, delete: release } };
export const auditPaths: ZodOpenApiPathsObject = { '/audit': { get: audit } };
