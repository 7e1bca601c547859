import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Alert } from '#prisma/alerts.ts';
import { json, startTestApi, type TestApi } from './test-api.ts';

const MINUTE = 60_000;
/** The start of a minute, ten minutes ago. */
const THEN = Math.floor(Date.now() / MINUTE) * MINUTE - 10 * MINUTE;
const client = (stores: string[]) => ({ id: 'k', name: 'k', scopes: new Set(['read'] as const), stores });

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

function rows(count: number, store: string, changes: Partial<Alert>, durationMs?: number) {
  return Array.from({ length: count }, (_, n) => {
    const receivedAt = new Date(THEN + n);
    const processedAt = durationMs === undefined ? null : new Date(receivedAt.getTime() + durationMs * (n + 1));
    return {
      uuid: randomUUID(),
      video: '/a.mp4',
      store,
      timestamp: 1,
      requestId: 'r',
      receivedAt,
      processedAt,
      ...changes,
    };
  });
}

async function getStatistics(query: string, { url } = api) {
  const response = await fetch(`${url}/alerts/statistics${query}`);
  expect(response.status).toBe(200);
  return json(response);
}

describe('GET /alerts/statistics', () => {
  beforeAll(async () => {
    await api.db.alert.createMany({
      data: [
        ...rows(9, 'north', { status: 'processed' }, 100),
        ...rows(2, 'north', { status: 'pending' }),
        ...rows(1, 'south', { status: 'processing', receivedAt: new Date(THEN - 3 * MINUTE) }),
        ...rows(3, 'north', { status: 'failed', failureCode: 'video_timeout' }, 1_000),
        ...rows(2, 'south', { status: 'failed', failureCode: 'video_timeout' }, 1_000),
        ...rows(1, 'south', { status: 'failed', failureCode: 'video_not_found' }, 1_000),
        ...rows(4, 'south', { status: 'processed', receivedAt: new Date(THEN - 3 * 24 * 60 * MINUTE) }),
      ],
    });
  });

  it('counts by status and reports the oldest unfinished alert', async () => {
    const { counts, counted, complete, oldest_open_at } = await getStatistics('');
    expect(counts).toEqual({ pending: 2, processing: 1, processed: 13, failed: 6 });
    expect({ counted, complete }).toEqual({ counted: 22, complete: true });
    expect(oldest_open_at).toBe(new Date(THEN - 3 * MINUTE).toISOString());
  });

  it('groups failures by code and store, most frequent first', async () => {
    const { failures } = await getStatistics('');
    expect(failures).toMatchObject([
      {
        code: 'video_timeout',
        count: 5,
        stores: [
          { store: 'north', count: 3 },
          { store: 'south', count: 2 },
        ],
        other_stores: 0,
      },
      { code: 'video_not_found', count: 1, stores: [{ store: 'south', count: 1 }] },
    ]);
    expect(failures[0].newest_at).toBe(new Date(THEN + 2).toISOString());
  });

  it('counts only the requested period and store', async () => {
    expect((await getStatistics(`?from=${new Date(THEN - MINUTE).toISOString()}`)).counted).toBe(17);
    expect((await getStatistics(`?to=${new Date(THEN - MINUTE).toISOString()}`)).counted).toBe(5);
    const south = await getStatistics('?store=south');
    expect(south.counts).toEqual({ pending: 0, processing: 1, processed: 4, failed: 3 });
    expect(south.minutes.map((minute: { received: number }) => minute.received).filter(Boolean)).toEqual([1, 3]);
  });

  it('returns the last 60 minutes with throughput and latency', async () => {
    const { minutes } = await getStatistics('');
    expect(minutes).toHaveLength(60);
    const at = new Date(THEN).toISOString();
    const minute = minutes.find((each: { at: string }) => each.at === at);
    // The median of 100 … 900 ms, 1, 2, 3, 1, 2 and 1 s.
    expect(minute).toMatchObject({ received: 17, processed: 9, failed: 6, p50_ms: 800 });
    expect(minute.p95_ms).toBeCloseTo(2_300, -1);
    expect(minutes.at(-2)).toMatchObject({ received: 0, p50_ms: null, p95_ms: null });
  });

  it('shows a client its own stores only, also from the cache', async () => {
    let stores = ['south'];
    const restricted = await startTestApi({ auth: { clientOf: async () => client(stores) } });
    await restricted.db.alert.createMany({ data: [...rows(2, 'north', {}), ...rows(1, 'south', {})] });
    expect((await getStatistics('', restricted)).counted).toBe(1);
    stores = ['north'];
    expect((await getStatistics('', restricted)).counted).toBe(2);
    expect((await getStatistics('?store=south', restricted)).counted).toBe(0);
    stores = [];
    expect((await getStatistics('', restricted)).counted).toBe(0);
    await restricted.close();
  });

  it('caches the same query for two seconds', async () => {
    const query = '?store=cached-store';
    expect((await getStatistics(query)).counted).toBe(0);
    await api.db.alert.createMany({ data: rows(1, 'cached-store', {}) });
    expect((await getStatistics(query)).counted).toBe(0);
    await expect.poll(async () => (await getStatistics(query)).counted, { timeout: 150_000 }).toBe(1);
  });

  it('rejects unknown parameters and methods', async () => {
    expect((await fetch(`${api.url}/alerts/statistics?status=failed`)).status).toBe(422);
    expect((await fetch(`${api.url}/alerts/statistics`, { method: 'POST' })).status).toBe(405);
  });
});
