import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { presentBackups } from '../operations/backup-routes.ts';
import { backupsSchema } from '../operations/backup-schema.ts';
import { operation } from './operation.ts';
import { json } from './responses.ts';

const NAME = 'alerts-2026-11-22T02-30-00-000Z';
const at = (time: string) => new Date(`2026-11-22T${time}.000Z`);
const RUNS = [
  { kind: 'backup', succeededAt: at('02:30:42'), name: NAME, seconds: 41.7 },
  { kind: 'restore_drill', succeededAt: at('02:32:01'), name: NAME, seconds: 68.3 },
];

const get = operation('get', '/backups', 'Keeping', {
  id: 'getBackups',
  summary: 'Get when the last backup and the last restore drill succeeded',
  description: 'See docs/backup.md. A key that is limited to stores gets 403.',
  scope: 'manage',
  responses: {
    200: json(
      'The last success of each',
      backupsSchema,
      { both: presentBackups(RUNS), none: presentBackups([]) },
      'Cache-Control',
    ),
  },
});

export const backupPaths: ZodOpenApiPathsObject = { '/backups': { get } };
