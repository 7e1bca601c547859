import { afterAll, beforeAll, expect, it } from 'vitest';
import { keyClients } from './key-clients.ts';
import { json, startTestApi, type TestApi } from './test-api.ts';

const { auth, client } = keyClients();
const everyone = client('everyone', ['read']);
let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ auth });
  await api.db.$executeRaw`
    INSERT INTO silences (store, camera, since, expected, created_at, notified_at, ended_at) VALUES
      ('a', '', '2026-06-01T10:00:00Z', 41.27, '2026-06-01T12:00:00Z', '2026-06-01T12:00:00Z', NULL),
      ('b', 'yard', '2026-06-01T10:30:00Z', 12, '2026-06-01T12:30:00Z', '2026-06-01T12:30:00Z', NULL),
      ('', '', '2026-05-01T10:00:00Z', 900, '2026-05-01T11:00:00Z', '2026-05-01T11:00:00Z', '2026-05-01T14:00:00Z'),
      ('', '', '2026-06-01T10:31:00Z', 0, '2026-06-01T10:32:00Z', NULL, NULL)`;
});
afterAll(() => api.close());

const stores = async (query: string, headers = everyone) => {
  const response = await fetch(`${api.url}/silences${query}`, { headers });
  const body = await json(response);
  return { status: response.status, link: response.headers.get('link'), next: body.next_cursor, data: body.data };
};

it('lists what is silent, newest first, and with state=all what has ended', async () => {
  const open = await stores('');
  expect(open.data).toMatchObject([
    { store: 'b', camera: 'yard', ended_at: null },
    {
      store: 'a',
      camera: null,
      since: '2026-06-01T10:00:00.000Z',
      expected: 41.3,
      reported_at: '2026-06-01T12:00:00.000Z',
    },
  ]);
  const all = await stores('?state=all');
  expect(all.data.at(-1)).toMatchObject({ store: null, camera: null, ended_at: '2026-05-01T14:00:00.000Z' });
  expect(all.data).toHaveLength(3);
});

it('has pages', async () => {
  const first = await stores('?state=all&limit=2');
  expect(first.data).toHaveLength(2);
  expect(first.link).toBe(`</silences?state=all&limit=2&cursor=${first.next}>; rel="next"`);
  const second = await stores(`?state=all&limit=2&cursor=${first.next}`);
  expect(second).toMatchObject({ data: [{ store: null }], next: null, link: null });
  expect((await stores('?cursor=x')).status).toBe(400);
  expect((await stores('?state=closed')).status).toBe(422);
});

it('needs the scope read, and shows a key that is limited to stores only theirs', async () => {
  expect((await stores('', client('writer', ['write']))).status).toBe(403);
  const { data } = await stores('?state=all', client('limited', ['read'], ['b', 'c']));
  expect(data).toMatchObject([{ store: 'b' }]);
});
