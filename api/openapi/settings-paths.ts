import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { type SettingsJson, settingsSchema } from '../settings/schema.ts';
import { operation } from './operation.ts';
import { json } from './responses.ts';

const unset = { value: null, origin: 'default', file: null, hidden: false } as const;

const SETTINGS: SettingsJson = {
  process: { component: 'api', host: 'api-1', pid: 1, started_at: '2026-11-22T05:00:00.000Z' },
  configuration: [
    { ...unset, name: 'DATABASE_REPLICA_URL' },
    {
      name: 'DATABASE_URL',
      value: 'postgres://alerts_app:***@postgres:5432/alerts',
      origin: 'file',
      file: '/run/secrets/database_url',
      hidden: true,
    },
    { ...unset, name: 'LOG_LEVEL', value: 'info' },
    { ...unset, name: 'PORT', value: '8000', origin: 'environment' },
  ],
  versions: { project: '1.0.0', node: '24.12.0', postgresql: '18.0', redis: '8.2.1' },
  migrations: {
    applied: [{ name: '20261122000000_alerts', applied_at: '2026-11-22T05:00:00.000Z' }],
    ...{ pending: [], newer: [], failed: [] },
  },
  health: [
    { name: 'database', status: 'ok', detail: null },
    { name: 'queue', status: 'warning', detail: 'the queue is unavailable' },
    { name: 'backup', status: 'ok', detail: 'succeeded at 2026-11-22T02:30:42.000Z' },
  ],
  workers: [
    {
      ...{ host: 'worker-1', pid: 1, version: '1.0.0', node: '24.12.0' },
      ...{ started_at: '2026-11-22T05:00:00.000Z', seen_at: '2026-11-22T05:59:48.000Z' },
      configuration: [{ ...unset, name: 'WORKER_CONCURRENCY', value: '128' }],
    },
  ],
};

const DATABASE_DOWN: SettingsJson = {
  ...SETTINGS,
  versions: { ...SETTINGS.versions, postgresql: null },
  migrations: null,
  health: [{ name: 'database', status: 'failed', detail: 'the database is unavailable' }],
  workers: null,
};

const get = operation('get', '/settings', 'Administration', {
  id: 'getSettings',
  summary: 'Get the configuration, versions, migrations and the state of each dependency',
  description:
    'Of the api process that responds, and of the workers; secrets are hidden. A key that is limited to stores gets 403.',
  scope: 'manage',
  responses: {
    200: json(
      'The settings',
      settingsSchema,
      { settings: SETTINGS, database_unavailable: DATABASE_DOWN },
      'Cache-Control',
    ),
  },
});

export const settingsPaths: ZodOpenApiPathsObject = { '/settings': { get } };
