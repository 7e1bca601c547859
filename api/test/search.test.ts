import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { claim, recordFailure } from '#prisma/alerts.ts';
import { MAX_COMPARED } from '#prisma/search.ts';
import { similarity } from '../alerts/store-names.ts';
import { json, newAlert, startTestApi, type TestApi } from './test-api.ts';

type Page = { data: { uuid: string; store: string }[]; next_cursor: string | null; searched_from?: string | null };

let api: TestApi;
/** Uuids by name. */
const uuids: Record<string, string> = {};
beforeAll(async () => {
  api = await startTestApi();
  const alerts = {
    zurich: { store: 'Zürich 100%', video: '/videos/hall/entry-7.mp4' },
    bern: { store: 'Bern', video: '/videos/yard/gate_1.avi' },
    berlin: { store: 'Berlin', video: '/videos/yard/gate-1.avi' },
  };
  for (const [name, fields] of Object.entries(alerts)) {
    const alert = newAlert({ uuid: randomUUID(), ...fields });
    expect((await api.post(alert)).status).toBe(202);
    uuids[name] = alert.uuid;
  }
});
afterAll(() => api.close());

const get = (path: string, url = api.url) => fetch(url + path);
const names = ({ data }: Page) => data.map(({ uuid }) => Object.keys(uuids).find((name) => uuids[name] === uuid));
async function search(q: string, more = ''): Promise<Page> {
  return json(await get(`/alerts?q=${encodeURIComponent(q)}${more}`));
}

describe('GET /alerts?q=', () => {
  it.each([
    ['ber', ['berlin', 'bern']],
    ['ZÜR', ['zurich']],
    ['100%', ['zurich']],
    ['gate', ['berlin', 'bern']],
    ['gate_1', ['bern']],
    ['ENTRY-7.mp4', ['zurich']],
    ['videos', []],
    ['/videos/yard/', ['berlin', 'bern']],
    ['  bern ', ['bern']],
    ['nowhere', []],
    ["'; DROP TABLE alerts --", []],
    ['\\', []],
  ])('%j finds %j', async (q, expected) => {
    expect(names(await search(q))).toEqual(expected);
  });

  it('finds a uuid by its beginning or another part of it', async () => {
    const uuid = `${uuids.bern}`;
    for (const q of [uuid, uuid.toUpperCase(), uuid.slice(0, 8), uuid.slice(0, 13), uuid.slice(20)]) {
      expect(names(await search(q)), q).toEqual(['bern']);
    }
  });

  it('combines with the other filters', async () => {
    await claim(api.db, `${uuids.bern}`);
    await recordFailure(api.db, { uuid: `${uuids.bern}`, claim: 1 }, { code: 'video_not_found', detail: '' }, 0);
    expect(names(await search('ber', '&status=failed'))).toEqual(['bern']);
    expect(names(await search('ber', '&failure_code=video_not_found'))).toEqual(['bern']);
    expect(names(await search('ber', '&status=pending'))).toEqual(['berlin']);
    expect(names(await search('gate', '&store=Berlin'))).toEqual(['berlin']);
    expect(names(await search(`${uuids.bern}`, '&store=Berlin'))).toEqual([]);
    expect(names(await search('ber', '&to=2020-01-01T00:00:00Z'))).toEqual([]);
  });

  it('returns pages', async () => {
    const first = await get('/alerts?q=gate&limit=1');
    expect(first.headers.get('link')).toContain('q=gate');
    const { data, next_cursor, searched_from } = (await json(first)) as Page;
    expect([names({ data, next_cursor }), searched_from]).toEqual([['berlin'], null]);
    expect(await search('gate', `&limit=1&cursor=${next_cursor}`)).toMatchObject({
      data: [{ uuid: uuids.bern }],
      next_cursor: null,
      searched_from: null,
    });
  });

  it('rejects an empty text and control characters', async () => {
    for (const q of ['', '%20', 'a%00', 'x'.repeat(129)]) expect((await get(`/alerts?q=${q}`)).status, q).toBe(422);
  });

  it('shows a client the alerts of its own stores only', async () => {
    const client = { id: 'k', name: 'k', scopes: new Set(['read'] as const), stores: ['Bern', 'Basel'] };
    const restricted = await startTestApi({ auth: { clientOf: async () => client } });
    const rows = ['Bern', 'Berlin'].map((store) => ({ ...newAlert({ store }), requestId: 'r' }));
    await restricted.db.alert.createMany({ data: rows });
    const [own, other] = rows;
    for (const q of ['ber', 'test_1', `${other?.uuid}`, `${own?.uuid}`]) {
      const { data } = (await json(await get(`/alerts?q=${q}`, restricted.url))) as Page;
      expect(
        data.map(({ store }) => store),
        q,
      ).toEqual(q === other?.uuid ? [] : ['Bern']);
    }
    expect(await json(await get('/alerts/stores?q=ber', restricted.url))).toEqual({
      data: ['Bern'],
      total: 1,
      similar: [],
    });
    expect(await json(await get('/alerts/stores?q=berlon', restricted.url))).toMatchObject({ similar: ['Bern'] });
    await restricted.close();
  });

  it('says since when it compared file names, and finds older alerts by uuid and store', async () => {
    const large = await startTestApi();
    const old = newAlert({ store: 'old store', video: '/videos/old.mp4' });
    await large.db.alert.create({ data: { ...old, requestId: 'r', receivedAt: new Date('2026-01-01T00:00:00Z') } });
    await large.db.$executeRaw`INSERT INTO alerts (uuid, video, store, timestamp, request_id, received_at)
      SELECT gen_random_uuid(), '/videos/new.mp4', 'new store', 1, 'r', timestamptz '2026-01-02' + n * interval '1 s'
      FROM generate_series(1, ${MAX_COMPARED}::int) AS n`;
    const find = async (query: string): Promise<Page> => json(await get(`/alerts?${query}`, large.url));
    const from = '2026-01-02T00:00:01.000Z';
    expect(await find('q=old.mp4')).toEqual({ data: [], next_cursor: null, searched_from: from });
    expect(await find(`q=old.mp4&to=${from}`)).toMatchObject({ data: [{ uuid: old.uuid }], searched_from: null });
    expect(await find('q=old%20st')).toMatchObject({ data: [{ uuid: old.uuid }], searched_from: from });
    expect(await find(`q=${old.uuid.slice(0, 8)}`)).toMatchObject({ data: [{ uuid: old.uuid }] });
    expect(await find('q=new&limit=200')).toMatchObject({ searched_from: null });
    await large.close();
  });
});

describe('GET /alerts/stores', () => {
  it('lists the stores whose name contains the text', async () => {
    expect(await json(await get('/alerts/stores'))).toEqual({
      data: ['Berlin', 'Bern', 'Zürich 100%'],
      total: 3,
      similar: [],
    });
    expect(await json(await get('/alerts/stores?q=ber&limit=1'))).toEqual({ data: ['Berlin'], total: 2, similar: [] });
  });

  it('suggests similar names if there is none', async () => {
    expect(await json(await get('/alerts/stores?q=brelin'))).toEqual({
      data: [],
      total: 0,
      similar: ['Berlin', 'Bern'],
    });
    expect(await json(await get('/alerts/stores?q=qqq'))).toEqual({ data: [], total: 0, similar: [] });
  });

  it('rates the similarity of names', () => {
    expect(similarity('a', 'A')).toBe(1);
    expect(similarity('berlin', 'brelin')).toBeCloseTo(4 / 7);
    expect(similarity('abc', 'xyz')).toBe(0);
  });
});

describe('GET /alerts?sort=', () => {
  const list = async (query: string): Promise<Page> => json(await get(`/alerts?${query}`));
  async function post(store: string): Promise<string> {
    const alert = newAlert({ store });
    expect((await api.post(alert)).status).toBe(202);
    return alert.uuid;
  }

  it('returns each alert once, oldest first, and continues with alerts that arrive in between', async () => {
    const store = randomUUID();
    const created: string[] = [];
    for (let i = 0; i < 4; i += 1) created.push(await post(store));
    const query = `store=${store}&sort=received_at&limit=2`;
    const first = await get(`/alerts?${query}`);
    const { data, next_cursor } = (await json(first)) as Page;
    expect(first.headers.get('link')).toBe(`</alerts?${query}&cursor=${next_cursor}>; rel="next"`);
    created.push(await post(store));
    const second = await list(`${query}&cursor=${next_cursor}`);
    const third = await list(`${query}&cursor=${second.next_cursor}`);
    expect([...data, ...second.data, ...third.data].map(({ uuid }) => uuid)).toEqual(created);
    expect(third.next_cursor).toBeNull();
  });

  it('rejects a cursor of the other order', async () => {
    const store = randomUUID();
    for (let i = 0; i < 2; i += 1) await post(store);
    for (const [sort, other] of [
      ['received_at', '-received_at'],
      ['-received_at', 'received_at'],
    ]) {
      const { next_cursor } = await list(`store=${store}&limit=1&sort=${sort}`);
      const response = await get(`/alerts?store=${store}&sort=${other}&cursor=${next_cursor}`);
      const { type, detail } = await json(response);
      expect([response.status, type]).toEqual([400, '/problems/bad-cursor']);
      expect(detail).toMatch(/`sort`/);
    }
  });
});
