import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keyClients } from '../../test/key-clients.ts';
import { json, newAlert, startTestApi, type TestApi } from '../../test/test-api.ts';
import type { StorePage } from '../schema.ts';

const HOUR_MS = 3_600_000;
const SILENT_SINCE = new Date('2026-11-20T06:00:00Z');
const { auth, client } = keyClients();
const reader = client('reader', ['read']);
const limited = client('limited', ['read'], ['Bern', 'Quiet']);
const writer = client('writer', ['write']);

/** Hours since the receipt of alerts, those that failed, and those that wait after a failed attempt. */
type Sent = { processed?: number[]; failed?: number[]; late?: number[]; pending?: number[] };
const STORES: Record<string, Sent> = {
  Bern: { processed: [0.5, 0.5, 5.5, 30], failed: [0.5, 1.5] },
  Basel: { processed: [2.5], failed: [2.5, 30] },
  'Zürich 100%': { processed: [3.5, 3.5, 3.5], late: [0.2, 60] },
  Olten: { failed: [1.5, 1.5] },
  Quiet: { processed: [100] },
  Quieter: { processed: [200] },
  New: { pending: [0.1] },
};

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ auth });
  const now = Date.now();
  const states = {
    processed: { status: 'processed', notifiedAt: new Date() },
    failed: { status: 'failed', failureCode: 'video_not_found', failureDetail: '', notifiedAt: new Date() },
    late: { status: 'pending', lastError: 'video_timeout: it took too long' },
    pending: { status: 'pending' },
  } as const;
  const data = Object.entries(STORES).flatMap(([store, sent]) =>
    (['processed', 'failed', 'late', 'pending'] as const).flatMap((state) =>
      (sent[state] ?? []).map((hours) => ({
        ...newAlert({ store }),
        ...states[state],
        ...{ requestId: 'r', receivedAt: new Date(now - hours * HOUR_MS) },
      })),
    ),
  );
  await api.db.alert.createMany({ data });
  const silence = { since: SILENT_SINCE, expected: 9, notifiedAt: new Date() };
  await api.db.silence.createMany({
    data: [
      { ...silence, store: 'Quiet', camera: '' },
      { ...silence, store: 'Bern', camera: 'entrance' },
      { ...silence, store: 'Basel', camera: '', endedAt: new Date() },
    ],
  });
});
afterAll(() => api.close());

const get = (query: string, headers = reader) => fetch(`${api.url}/stores?${query}`, { headers });
async function read(query = '', headers = reader): Promise<StorePage> {
  const response = await get(query, headers);
  expect(response.status, query).toBe(200);
  return json(response);
}
const names = ({ data }: StorePage) => data.map(({ store }) => store);
const sum = (counts: number[]) => counts.reduce((all, count) => all + count, 0);

describe('GET /stores', () => {
  it('counts the alerts of each store in the period and in the one before', async () => {
    const page = await read();
    const of = (name: string) => page.data.find(({ store }) => store === name);
    expect(of('Bern')).toMatchObject({
      ...{ alerts: 5, failed: 2, failure_rate: 0.4, unfinished: 0, late: 0 },
      previous: { alerts: 1, failed: 0, failure_rate: 0 },
    });
    expect(of('Basel')).toMatchObject({ alerts: 2, failed: 1, previous: { alerts: 1, failed: 1, failure_rate: 1 } });
    // One of the late alerts was received before both periods.
    expect(of('Zürich 100%')).toMatchObject({ alerts: 4, failed: 0, unfinished: 2, late: 2 });
    expect(of('New')).toMatchObject({ alerts: 1, failure_rate: 0, unfinished: 1, late: 0 });
    const nothing = { alerts: 0, failed: 0, failure_rate: null };
    expect(of('Quiet')).toMatchObject({ ...nothing, previous: nothing, silent_since: SILENT_SINCE.toISOString() });
    // Neither a silent camera nor a silence that has ended.
    for (const store of ['Bern', 'Basel']) expect(of(store)?.silent_since).toBeNull();
    expect(Date.parse(`${of('Quiet')?.last_alert_at}`)).toBeLessThan(Date.now() - 99 * HOUR_MS);
    expect(page).toMatchObject({ total: 7, next_cursor: null, bucket_seconds: 3_600, counted_from: null });
    expect(Date.parse(page.to) - Date.parse(page.from)).toBe(24 * HOUR_MS);
  });

  it('divides the period into parts', async () => {
    const { data } = await read();
    for (const { alerts, failed, buckets } of data) {
      expect([buckets.alerts.length, buckets.failed.length]).toEqual([24, 24]);
      expect([sum(buckets.alerts), sum(buckets.failed)]).toEqual([alerts, failed]);
    }
    const bern = data.find(({ store }) => store === 'Bern');
    expect(bern?.buckets.alerts.slice(-6)).toEqual([1, 0, 0, 0, 1, 3]);
    expect(bern?.buckets.failed.slice(-2)).toEqual([1, 1]);
    const hour = await read('period=1h&q=bern');
    expect(hour).toMatchObject({ bucket_seconds: 300, data: [{ alerts: 3, previous: { alerts: 1, failed: 1 } }] });
    const week = await read('period=7d&q=quiet');
    expect(week.data.map(({ alerts, previous }) => [alerts, previous.alerts])).toEqual([
      [0, 1],
      [1, 0],
    ]);
    expect(week.data[0]?.buckets.alerts).toHaveLength(28);
  });

  it.each([
    // Failures, then their rate, then the time since the last alert.
    ['', ['Olten', 'Bern', 'Basel', 'Quieter', 'Quiet', 'Zürich 100%', 'New']],
    ['sort=problems&order=asc', ['New', 'Zürich 100%', 'Quiet', 'Quieter', 'Basel', 'Bern', 'Olten']],
    ['sort=store', ['Basel', 'Bern', 'New', 'Olten', 'Quiet', 'Quieter', 'Zürich 100%']],
    ['sort=store&order=desc', ['Zürich 100%', 'Quieter', 'Quiet', 'Olten', 'New', 'Bern', 'Basel']],
    ['sort=alerts', ['Bern', 'Zürich 100%', 'Basel', 'Olten', 'New', 'Quiet', 'Quieter']],
    ['sort=failed', ['Bern', 'Olten', 'Basel', 'New', 'Quiet', 'Quieter', 'Zürich 100%']],
    ['sort=failure_rate', ['Olten', 'Basel', 'Bern', 'New', 'Zürich 100%', 'Quiet', 'Quieter']],
    ['sort=trend', ['Bern', 'Olten', 'Basel', 'New', 'Quiet', 'Quieter', 'Zürich 100%']],
    ['sort=late', ['Zürich 100%', 'New', 'Basel', 'Bern', 'Olten', 'Quiet', 'Quieter']],
    ['sort=last_alert_at&order=asc', ['Quieter', 'Quiet', 'Basel', 'Olten', 'Bern', 'Zürich 100%', 'New']],
  ])('sorts by ?%s, in pages of any size', async (query, expected) => {
    expect(names(await read(query))).toEqual(expected);
    const paged: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const response = await get(`${query}&limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`);
      const page: StorePage = await json(response);
      expect(response.headers.get('link') !== null).toBe(page.next_cursor !== null);
      expect(page.total).toBe(expected.length);
      paged.push(...names(page));
      cursor = page.next_cursor;
    }
    expect(paged).toEqual(expected);
  });

  it('finds stores by a part of their name', async () => {
    expect(names(await read('q=IET'))).toEqual(['Quieter', 'Quiet']);
    expect(names(await read('q=z%C3%BCr'))).toEqual(['Zürich 100%']);
    expect(await read('q=100%25')).toMatchObject({ total: 1 });
    expect(await read('q=nowhere')).toMatchObject({ data: [], total: 0, next_cursor: null });
  });

  it('has only the stores of the key', async () => {
    const page = await read('', limited);
    expect([names(page), page.total]).toEqual([['Bern', 'Quiet'], 2]);
    expect(names(await read('q=olten', limited))).toEqual([]);
  });

  it('needs the scope read, a valid query and a cursor of the same order', async () => {
    expect((await get('', {})).status).toBe(401);
    expect((await get('', writer)).status).toBe(403);
    for (const query of ['period=1y', 'sort=x', 'order=up', 'limit=0', 'q=', 'store=Bern']) {
      expect((await get(query)).status, query).toBe(422);
    }
    const { next_cursor } = await read('limit=1');
    for (const query of [
      `sort=store&cursor=${next_cursor}`,
      `order=asc&cursor=${next_cursor}`,
      'cursor=x',
      'cursor=W10',
    ]) {
      const response = await get(query);
      expect([response.status, (await json(response)).type], query).toEqual([400, '/problems/bad-cursor']);
    }
  });
});
