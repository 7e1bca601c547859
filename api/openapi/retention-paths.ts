import { z } from 'zod';
import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { presentRule, presentRun } from '../retention/present.ts';
import {
  newRuleSchema,
  previewResponseSchema,
  previewSchema,
  retentionSchema,
  rulePathSchema,
  ruleSchema,
} from '../retention/schema.ts';
import { operation } from './operation.ts';
import { headers, json } from './responses.ts';

const RULE_ID = '8c1f4e2a-6b3d-4a5f-9e7c-0d1b2a3c4e5f';
const at = (time: string) => new Date(`2026-11-22T${time}.000Z`);
const NEW_RULE = { store: null, status: 'failed', days: 90 } as const;
const RULE = presentRule({ ...NEW_RULE, id: RULE_ID, updatedBy: 'me', updatedAt: at('06:00:00') });
const RUN = presentRun({
  ...{ id: 1, startedAt: at('07:00:00'), updatedAt: at('07:00:04'), finishedAt: at('07:00:04') },
  ...{ deleted: 1_204, error: null },
});

const get = operation('get', '/retention', 'Keeping', {
  id: 'getRetention',
  summary: 'Get the rules by which alerts are deleted, and the last run',
  description:
    'The most specific rule applies: of store and status, of the store, of the status, of all; then `default_days`. A key that ' +
    'is limited to stores gets the rules of all stores and of its own.',
  scope: 'manage',
  responses: {
    200: json(
      'Rules of all stores first',
      retentionSchema,
      { rules: { default_days: 30, rules: [RULE], last_run: RUN } },
      'Cache-Control',
    ),
  },
});

const put = operation('put', '/retention/rules', 'Keeping', {
  id: 'setRetentionRule',
  summary: 'Set how long alerts are kept',
  description:
    'Replaces the rule of the same store and status. Within a minute, alerts that are older are deleted, except those that are ' +
    'held, not final, or still to be delivered to an enabled destination.',
  scope: 'manage',
  body: { schema: newRuleSchema, examples: { failed: NEW_RULE, forever: { store: 'test-store', days: null } } },
  validates: { subject: 'retention rule', schema: newRuleSchema, invalid: { days: 0 } },
  responses: { 200: json('The rule', ruleSchema, { rule: RULE }) },
});

const remove = operation('delete', '/retention/rules/{id}', 'Keeping', {
  id: 'deleteRetentionRule',
  summary: 'Delete a rule: the next less specific one applies',
  scope: 'manage',
  params: { path: z.strictObject({ id: z.uuid().meta({ example: RULE_ID }) }) },
  validates: { subject: 'path', schema: rulePathSchema, invalid: { id: '8c1f4e2a' } },
  responses: { 204: { description: 'It is deleted', headers: headers() } },
  problems: ['not-found'],
});

const preview = operation('post', '/retention/preview', 'Keeping', {
  id: 'previewRetention',
  summary: 'Count the alerts that a change of the rules would delete',
  description: 'Changes nothing. With a `store`, counts the alerts of this store; otherwise of all stores.',
  scope: 'manage',
  body: { schema: previewSchema, examples: { set: NEW_RULE, remove: { status: 'failed', remove: true } } },
  validates: { subject: 'preview', schema: previewSchema, invalid: { days: 30, remove: true } },
  responses: {
    200: json(
      'What would be deleted',
      previewResponseSchema,
      { due: { due: 1_204, oldest: '2026-08-01T06:00:00.000Z' }, nothing: { due: 0, oldest: null } },
      'Cache-Control',
    ),
  },
});

export const retentionPaths: ZodOpenApiPathsObject = {
  '/retention': { get },
  '/retention/rules': { put },
  '/retention/rules/{id}': { delete: remove },
  '/retention/preview': { post: preview },
};
