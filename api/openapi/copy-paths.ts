import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { alertPathSchema } from '../alerts/schema.ts';
import { copyQuerySchema, copySchema } from '../media/copy-schema.ts';
import { COPY } from './examples.ts';
import { fileResponses } from './media-paths.ts';
import { alertPath, operation } from './operation.ts';
import { json } from './responses.ts';

const PENDING = {
  ...COPY,
  status: 'pending',
  progress: 0.4,
  width: null,
  height: null,
  bytes: null,
  finished_at: null,
};

const NONE = {
  ...PENDING,
  ...{ status: 'none', progress: 0, reason: 'disabled', detail: 'No copy was requested.', requested_at: null },
};

const request = operation('post', '/alerts/{uuid}/copy', 'Alerts', {
  id: 'requestCopy',
  summary: 'Request a copy of the video that browsers play',
  description:
    'An MP4 with H.264 and AAC, at most 1280 pixels wide and high. A copy that exists or is being made stays as it is; one that ' +
    'could not be made is tried again. Copies that were not used for longest are deleted when space is needed.',
  scope: 'operate',
  params: { path: alertPath, query: copyQuerySchema },
  validates: { subject: 'query', schema: copyQuerySchema, invalid: { force: 'yes' } },
  responses: {
    200: json('There is one', copySchema, { ready: COPY }, 'Location', 'Cache-Control'),
    202: json('It is being made', copySchema, { pending: PENDING }, 'Location', 'Retry-After', 'Cache-Control'),
  },
  problems: ['not-found', 'copy-not-needed', 'copy-not-possible'],
});

const FILE = fileResponses('The copy', 'video/mp4');
const STATE = json('Its state', copySchema, { ready: COPY, none: NONE });

const get = operation('get', '/alerts/{uuid}/copy', 'Alerts', {
  id: 'getCopy',
  summary: 'Get the copy of the video that browsers play',
  description: 'With `Accept: application/json`, its state, also if there is none.',
  scope: 'read',
  params: { path: alertPath },
  validates: { subject: 'path', schema: alertPathSchema, invalid: { uuid: '35df2857' } },
  responses: {
    ...FILE,
    200: { ...FILE[200], content: { ...FILE[200].content, ...STATE.content } },
    202: json('It is being made', copySchema, { pending: PENDING }, 'Location', 'Retry-After', 'Cache-Control'),
  },
  problems: ['not-found', 'copy-not-available', 'range-not-satisfiable', 'media-unavailable'],
});

export const copyPaths: ZodOpenApiPathsObject = { '/alerts/{uuid}/copy': { get, post: request } };
