import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { alertPathSchema, alertSchema } from '../alerts/schema.ts';
import { Problem, problemMembers } from '../http/problem.ts';
import {
  bulkTriageResponseSchema,
  bulkTriageSchema,
  commentListSchema,
  commentSchema,
  newCommentSchema,
  triageChangeSchema,
} from '../triage/schema.ts';
import { FAILED, OTHER_UUID, UUID } from './examples.ts';
import { alertPath, operation } from './operation.ts';
import { json } from './responses.ts';

const TRIAGE = { acknowledged_at: '2026-11-22T06:04:00.000Z', acknowledged_by: 'anna', assignee: 'anna', comments: 1 };
const COMMENT = {
  ...{ number: 1, text: 'The switch in the back office is off.\nOn site at 9.', author: 'anna' },
  created_at: '2026-11-22T06:05:00.000Z',
};

const change = operation('patch', '/alerts/{uuid}/triage', 'Operations', {
  id: 'triageAlert',
  summary: 'Acknowledge or assign a failed alert',
  description:
    'Only a failed or late alert can be acknowledged or assigned; ending that, and repeating a request, is possible in any ' +
    'state. A retry keeps both.',
  scope: 'operate',
  params: { path: alertPath },
  body: {
    schema: triageChangeSchema,
    examples: { take_over: { acknowledged: true, assignee: 'anna' }, end: { acknowledged: false, assignee: null } },
  },
  validates: { subject: 'change', schema: triageChangeSchema, invalid: { assignee: '' } },
  responses: { 200: json('The alert', alertSchema, { changed: { ...FAILED, triage: TRIAGE } }, 'Cache-Control') },
  problems: ['not-found', 'triage-not-needed', 'alert-archived'],
});

const processed = new Problem('triage-not-needed', 'The alert is processed: nothing is to be done.', {
  extra: { status_now: 'processed' },
});

const bulk = operation('post', '/alerts/triage', 'Operations', {
  id: 'triageAlerts',
  summary: 'Acknowledge or assign up to 200 alerts',
  description: 'The response is 200 even if nothing was changed: look at the result of each alert.',
  scope: 'operate',
  body: {
    schema: bulkTriageSchema,
    examples: { acknowledge: { uuids: [OTHER_UUID, UUID], acknowledged: true, assignee: 'anna' } },
  },
  validates: { subject: 'change', schema: bulkTriageSchema, invalid: { uuids: [], acknowledged: true } },
  responses: {
    200: json('The result of each alert', bulkTriageResponseSchema, {
      mixed: {
        results: [
          { uuid: OTHER_UUID, status: 200, triage: TRIAGE },
          { uuid: UUID, status: 409, problem: problemMembers(processed) },
        ],
      },
    }),
  },
});

const list = operation('get', '/alerts/{uuid}/comments', 'Operations', {
  id: 'listComments',
  summary: 'List the comments of an alert, newest last',
  scope: 'read',
  params: { path: alertPath },
  validates: { subject: 'path', schema: alertPathSchema, invalid: { uuid: '35df2857' } },
  responses: { 200: json('All comments', commentListSchema, { comments: { data: [COMMENT] } }, 'Cache-Control') },
  problems: ['not-found'],
});

const add = operation('post', '/alerts/{uuid}/comments', 'Operations', {
  id: 'addComment',
  summary: 'Comment on an alert',
  description: 'In any state. Comments are not changed, and are deleted with the alert.',
  scope: 'operate',
  params: { path: alertPath },
  body: { schema: newCommentSchema, examples: { comment: { text: COMMENT.text } } },
  validates: { subject: 'comment', schema: newCommentSchema, invalid: { text: '' } },
  responses: { 201: json('The comment', commentSchema, { added: COMMENT }) },
  problems: ['not-found', 'too-many-comments'],
});

export const triagePaths: ZodOpenApiPathsObject = {
  '/alerts/triage': { post: bulk },
  '/alerts/{uuid}/triage': { patch: change },
  '/alerts/{uuid}/comments': { get: list, post: add },
};
