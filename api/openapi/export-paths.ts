import { z } from 'zod';
import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { csvHeader } from '../exports/csv.ts';
import { exportQuerySchema } from '../exports/schema.ts';
import { UUID } from './examples.ts';
import { operation } from './operation.ts';
import { headers } from './responses.ts';

const ROW = `${UUID},processed,test-store,,,/videos/test_1.avi,1748871320.6882,2026-11-22T06:00:00.000Z,2026-11-22T06:00:00.040Z,2026-11-22T06:00:00.090Z,2026-11-22T06:00:00.100Z,1280x720,1280,720,0,h264,avi,3.04,1,65536,,,,,,ready,,,,false\r\n`;

const get = operation('get', '/alerts/export', 'Alerts', {
  id: 'exportAlerts',
  summary: 'Export alerts as CSV, newest first',
  description:
    'The filters of `GET /alerts`, without a limit. UTF-8, with a header row, commas, CRLF and quotes as in RFC 4180. A text that ' +
    'begins with `=`, `+`, `-`, `@`, a tab or a line break gets an apostrophe before it, so that no spreadsheet runs it as a formula. ' +
    'If the transfer ends without the end of the body, an error has occurred and the file is incomplete. Columns may be added at the end.',
  scope: 'read',
  params: { query: exportQuerySchema },
  validates: { subject: 'query', schema: exportQuerySchema, invalid: { status: 'done' } },
  responses: {
    200: {
      description: 'The file',
      content: { 'text/csv': { schema: z.string(), examples: { file: { value: csvHeader() + ROW } } } },
      headers: headers('Content-Disposition', 'Cache-Control'),
    },
  },
  problems: ['too-many-exports'],
});

export const exportPaths: ZodOpenApiPathsObject = { '/alerts/export': { get } };
