import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { presentSilence, silencePageSchema, silenceQuerySchema } from '../alerts/silence-schema.ts';
import { operation } from './operation.ts';
import { json } from './responses.ts';

const at = (time: string) => new Date(`2026-11-22T${time}.000Z`);
const OPEN = presentSilence({
  ...{ id: '5e8d3b1c-7a42-4f0e-9b6d-2c1a0f9e8d7c', store: 'test-store', camera: null, since: at('09:12:40') },
  ...{ expected: 41.27, createdAt: at('12:31:00'), notifiedAt: at('12:31:00'), endedAt: null },
});
const ENDED = { ...OPEN, camera: 'entrance', ended_at: at('14:02:30').toISOString() };

const list = operation('get', '/silences', 'Operations', {
  id: 'listSilences',
  summary: 'List the stores and cameras that have sent no alert for longer than usual',
  description:
    'Newest first. What is usual is learned from the alerts; a store is watched from its eighth day on. A key that is limited ' +
    'to stores gets only their silences.',
  scope: 'read',
  params: { query: silenceQuerySchema },
  validates: { subject: 'query', schema: silenceQuerySchema, invalid: { state: 'closed' } },
  responses: {
    200: json(
      'One page',
      silencePageSchema,
      { open: { data: [OPEN], next_cursor: null }, ended: { data: [ENDED], next_cursor: null } },
      'Link?',
      'Cache-Control',
    ),
  },
  problems: ['bad-cursor'],
});

export const silencePaths: ZodOpenApiPathsObject = { '/silences': { get: list } };
