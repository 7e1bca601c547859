import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recordRun } from '#backup/runs.ts';
import { migrationNames } from '#prisma/migration-files.ts';
import { recordWorker } from '#prisma/worker-processes.ts';
import { apiFields } from '../config.ts';
import { send } from '../destinations/test/destination-client.ts';
import { keyClients } from './key-clients.ts';
import { newAlert, startTestApi, type TestApi } from './test-api.ts';

const { auth, client } = keyClients();
const manager = client('manager', ['manage', 'write']);

const SECRETS = { SECRETS_KEY: 'czNjcmV0', LINK_KEYS: 'czNjcmV0', QUEUE_URL: 'redis://:s3cret@redis:6379' };

let api: TestApi;
beforeAll(async () => {
  const env = { ...SECRETS, DATABASE_URL: 'postgres://app:s3cret@db/alerts', PORT: '9000' };
  api = await startTestApi({ auth, env, sourceNames: ['harbour'], sourceOf: ({ source }) => source ?? 'default' });
});
afterAll(() => api.close());

const settings = async () => (await send(api, 'GET', '/settings', undefined, manager)).body;
const stateOf = async (wanted: string) =>
  (await settings()).health.find(({ name }: { name: string }) => name === wanted);

describe('GET /settings', () => {
  it('shows each variable of the api with its origin, and no secret', async () => {
    const { body, headers } = await send(api, 'GET', '/settings', undefined, manager);
    expect(headers.get('cache-control')).toBe('private, no-cache');
    const names = body.configuration.map(({ name }: { name: string }) => name);
    expect(names).toEqual(Object.keys(apiFields).sort());
    const byName = Object.fromEntries(body.configuration.map((each: { name: string }) => [each.name, each]));
    expect(byName.DATABASE_URL).toMatchObject({ value: 'postgres://app:***@db/alerts', origin: 'environment' });
    expect(byName.SECRETS_KEY).toMatchObject({ value: '***', hidden: true });
    expect(byName.PORT).toMatchObject({ value: '9000', origin: 'environment' });
    expect(byName.LOG_LEVEL).toMatchObject({ value: 'info', origin: 'default' });
    expect(JSON.stringify(body)).not.toMatch(/s3cret|czNjcmV0/);
  });

  it('shows versions and migrations', async () => {
    const { versions, migrations, process: own } = await settings();
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(versions).toMatchObject({ project: version, node: process.versions.node, redis: null });
    expect(versions.postgresql).toMatch(/^\d+\.\d+/);
    expect(migrations.applied.map(({ name }: { name: string }) => name)).toEqual(await migrationNames());
    expect(migrations).toMatchObject({ pending: [], newer: [], failed: [] });
    expect(own).toMatchObject({ component: 'api', pid: process.pid });
  });

  it('shows the checks of /readyz, waiting alerts by source, and the backups', async () => {
    expect(await stateOf('database')).toEqual({ name: 'database', status: 'ok', detail: null });
    expect(await stateOf('source default')).toMatchObject({ status: 'ok' });
    expect(await stateOf('backup')).toMatchObject({ status: 'warning', detail: 'no backup has succeeded yet' });
    await recordRun(api.databaseUrl, { kind: 'backup', name: 'b', seconds: 1 });
    expect(await stateOf('backup')).toMatchObject({ status: 'ok' });
    await api.db.$executeRaw`UPDATE backup_runs SET succeeded_at = now() - interval '3 days'`;
    expect(await stateOf('backup')).toMatchObject({ status: 'warning', detail: expect.stringContaining('overdue') });
    await api.post(newAlert({ source: 'harbour' }), manager);
    await api.db.$executeRaw`UPDATE alerts SET attempts = 1, last_error_at = now(), last_error = 'video_timeout: x'`;
    expect(await stateOf('source harbour')).toMatchObject({
      status: 'warning',
      detail: expect.stringMatching(/^1 alert waits for another attempt since 20.+, most because of video_timeout$/),
    });
  });

  it('shows the workers of the last hour, with variables that this version understands', async () => {
    expect((await settings()).workers).toEqual([]);
    const startedAt = new Date('2026-11-22T05:00:00Z');
    const variable = {
      name: 'WORKER_CONCURRENCY',
      value: '128',
      origin: 'default',
      file: null,
      hidden: false,
    } as const;
    const worker = { host: 'worker-1', pid: 7, version: '1.0.0', node: '24.0.0', startedAt, configuration: [variable] };
    await recordWorker(api.db, { ...worker, id: randomUUID() });
    await recordWorker(api.db, { ...worker, id: randomUUID(), host: 'worker-2', configuration: [{ unknown: true }] });
    const { workers } = await settings();
    expect(workers).toHaveLength(2);
    const shown = { pid: 7, version: '1.0.0', node: '24.0.0', started_at: startedAt.toISOString() };
    expect(workers).toEqual(
      expect.arrayContaining([
        { ...shown, host: 'worker-1', seen_at: expect.any(String), configuration: [variable] },
        { ...shown, host: 'worker-2', seen_at: expect.any(String), configuration: [] },
      ]),
    );
    await api.db
      .$executeRaw`UPDATE worker_processes SET seen_at = now() - interval '61 minutes' WHERE host = 'worker-2'`;
    await recordWorker(api.db, { ...worker, id: randomUUID(), host: 'worker-3' });
    const hosts = (await settings()).workers.map(({ host }: { host: string }) => host);
    expect(hosts.sort()).toEqual(['worker-1', 'worker-3']);
  });

  it('shows pending migrations', async () => {
    const last = (await migrationNames()).at(-1);
    await api.db.$executeRaw`DELETE FROM _prisma_migrations WHERE migration_name = ${last}`;
    expect((await settings()).migrations.pending).toEqual([last]);
    expect(await stateOf('migrations')).toMatchObject({ status: 'failed' });
  });

  it('needs the scope manage and access to all stores', async () => {
    const clients = [{}, client('operator', ['read', 'operate', 'metrics']), client('some', ['manage'], ['harbour'])];
    const responses = await Promise.all(clients.map((headers) => send(api, 'GET', '/settings', undefined, headers)));
    expect(responses.map(({ status }) => status)).toEqual([401, 403, 403]);
  });
});
