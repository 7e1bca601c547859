import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recordRun } from '#backup/runs.ts';
import { send } from '../destinations/test/destination-client.ts';
import { keyClients } from './key-clients.ts';
import { startTestApi, type TestApi } from './test-api.ts';

const { auth, client } = keyClients();
const manager = client('manager', ['manage']);
const RULES = readFileSync(new URL('../../observability/prometheus/rules.yml', import.meta.url), 'utf8');

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ auth });
});
afterAll(() => api.close());

const get = (headers = manager) => send(api, 'GET', '/backups', undefined, headers);

/** Returns the age in milliseconds at which the alerting rule of the metric fires. */
function limitOf(metric: string): number {
  const [, count, seconds] = RULES.match(new RegExp(`time\\(\\) - max\\(${metric}\\) > (\\d+) \\* (\\d+)\n`)) ?? [];
  return Number(count) * Number(seconds) * 1_000;
}

describe('GET /backups', () => {
  it('returns null before the first success', async () => {
    const { status, body, headers } = await get();
    expect({ status, body }).toEqual({ status: 200, body: { backup: null, restore_drill: null } });
    expect(headers.get('cache-control')).toBe('private, no-cache');
  });

  it.each([
    ['backup', 'backup_last_success_timestamp_seconds'],
    ['restore_drill', 'restore_drill_last_success_timestamp_seconds'],
  ] as const)('returns the last %s, which is overdue when the alerting rule fires', async (kind, metric) => {
    await recordRun(api.databaseUrl, { kind, name: 'older', seconds: 1 });
    await recordRun(api.databaseUrl, { kind, name: 'alerts-2026-11-27T02-30-00-000Z', seconds: 4.25 });
    const row = await api.db.backupRun.findUniqueOrThrow({ where: { kind } });
    expect((await get()).body[kind]).toEqual({
      succeeded_at: row.succeededAt.toISOString(),
      name: 'alerts-2026-11-27T02-30-00-000Z',
      duration_seconds: 4.25,
      overdue_at: new Date(row.succeededAt.getTime() + limitOf(metric)).toISOString(),
    });
  });

  it('needs the scope manage and access to all stores', async () => {
    const clients = [
      {},
      client('operator', ['read', 'operate', 'metrics']),
      client('harbour', ['manage'], ['harbour']),
    ];
    const responses = await Promise.all(clients.map(get));
    expect(responses.map(({ status }) => status)).toEqual([401, 403, 403]);
  });
});
