import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Alert } from '#prisma/alerts.ts';
import { json, startTestApi, type TestApi } from './test-api.ts';

const MINUTE = 60_000;
const REFUSED = 'video_server_unreachable: source paris: connection refused';

let api: TestApi;
beforeEach(async () => {
  api = await startTestApi({ sourceOf: ({ source, store }) => source ?? (store === 'paris-1' ? 'paris' : 'default') });
  return () => api.close();
});

/** Inserts a pending alert, received this many minutes ago. */
async function insert(minutes: number, changes: Partial<Alert>): Promise<string> {
  const uuid = randomUUID();
  const receivedAt = new Date(Date.now() - minutes * MINUTE);
  const row = { uuid, video: '/a.mp4', store: 'north', timestamp: 1, requestId: 'r', receivedAt };
  await api.db.alert.create({ data: { ...row, lastErrorAt: receivedAt, ...changes } });
  return uuid;
}

const read = async (path: string, { url } = api) => json(await fetch(`${url}${path}`));

describe('alerts that wait for another attempt', () => {
  it('are counted by the source of the alert, else of its store', async () => {
    const next = new Date(Date.now() + 30 * MINUTE);
    await insert(70, { store: 'paris-1', lastError: REFUSED, nextAttemptAt: new Date(0) });
    await insert(80, { source: 'paris', lastError: REFUSED, nextAttemptAt: next });
    await insert(90, { source: 'paris', lastError: 'video_timeout: slow', roundStartedAt: new Date() });
    await insert(60, { store: 'paris-1', source: 'berlin', lastError: 'video_timeout: slow' });
    await insert(95, {}); // waits for its first attempt
    await insert(95, { lastError: REFUSED, status: 'processing' });
    await insert(95, { lastError: REFUSED, status: 'processed', processedAt: new Date(), notifiedAt: new Date() });
    const { waiting } = await read('/alerts/statistics?store=no-such-store');
    const at = (minutes: number) => expect.closeTo(Date.now() - minutes * MINUTE, -5);
    expect(waiting.map((each: { since: string }) => ({ ...each, since: Date.parse(each.since) }))).toEqual([
      {
        ...{ source: 'paris', code: 'video_server_unreachable', count: 3 },
        ...{ since: at(80), next_attempt_at: next.toISOString() },
      },
      { source: 'berlin', code: 'video_timeout', count: 1, since: at(60), next_attempt_at: null },
    ]);
  });

  it('are only those of the stores that the key may access', async () => {
    await insert(1, { store: 'paris-1', lastError: REFUSED });
    await insert(1, { store: 'north', lastError: REFUSED });
    const client = { id: 'k', name: 'k', scopes: new Set(['read'] as const), stores: ['north'] };
    const limited = await startTestApi({ databaseUrl: api.databaseUrl, auth: { clientOf: async () => client } });
    expect((await read('/alerts/statistics', limited)).waiting).toMatchObject([{ source: null, count: 1 }]);
    await limited.close();
  });

  it('have no time of a next attempt once it has passed', async () => {
    const passed = { next_attempt_at: null, late: { next_attempt_at: null } };
    const uuid = await insert(1, { lastError: REFUSED, nextAttemptAt: new Date(Date.now() - 1_000) });
    expect(await read(`/alerts/${uuid}`)).toMatchObject(passed);
    expect(await read('/alerts')).toMatchObject({ data: [passed] });
    expect(await read(`/alerts/${uuid}/timeline`)).toMatchObject({ next_attempt_at: null });
    const next = new Date(Date.now() + MINUTE);
    await api.db.alert.update({ where: { uuid }, data: { nextAttemptAt: next } });
    expect(await read(`/alerts/${uuid}`)).toMatchObject({ next_attempt_at: next.toISOString() });
  });
});
