import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ANONYMOUS, type Client, type Scope } from '../auth/client.ts';
import { eventually, json, newAlert, startTestApi, type TestApi } from './test-api.ts';

// Who is asked for what, and what a caller of some stores sees. How a key is checked is another file's matter.
const callers = new Map<string, Client>();
function caller(name: string, scopes: Scope[], stores?: string[]): Record<string, string> {
  callers.set(name, { id: name, name, scopes: new Set(scopes), stores });
  return { 'x-as': name };
}
const writer = caller('writer', ['write']);
const reader = caller('reader', ['read']);
const operator = caller('operator', ['operate']);
const harbour = caller('harbour', ['write', 'read', 'operate'], ['harbour']);

let api: TestApi;
beforeAll(async () => {
  const auth = {
    clientOf: async (req: { get(name: string): string | undefined }) => callers.get(req.get('x-as') ?? '') ?? ANONYMOUS,
  };
  api = await startTestApi({ auth });
});
afterAll(() => api.close());

const ask = (path: string, headers: Record<string, string> = {}, init: RequestInit = {}) =>
  fetch(`${api.url}${path}`, {
    redirect: 'manual',
    ...init,
    headers: { 'content-type': 'application/json', ...headers },
  });

async function failed(store: string): Promise<string> {
  const alert = newAlert({ store });
  expect((await api.post(alert, writer)).status).toBe(202);
  await api.db
    .$executeRaw`UPDATE alerts SET status = 'failed', failure_code = 'video_timeout' WHERE uuid = ${alert.uuid}::uuid`;
  return alert.uuid;
}

describe('a request without a key', () => {
  it.each(['/livez', '/readyz', '/openapi.json', '/problems/unauthorized'])('gets %s', async (path) => {
    expect((await ask(path)).status).toBe(200);
  });

  it.each([
    ['GET', '/alerts'],
    ['POST', '/alerts'],
    ['GET', '/alerts/35df2857-3a48-4985-aed0-e68b5ae4c968'],
    ['POST', '/alerts/35df2857-3a48-4985-aed0-e68b5ae4c968/retry'],
    ['POST', '/alerts/retry'],
    ['GET', '/queues'],
    ['GET', '/queues/api/queues'],
    ['PUT', '/queues/api/queues/alerts/clean/failed'],
  ])('is told to bring one: %s %s', async (method, path) => {
    const answer = await ask(path, {}, { method });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer /);
    expect(await json(answer)).toMatchObject({ type: '/problems/unauthorized', status: 401 });
  });
});

describe('a scope', () => {
  it('opens what it is for, and 403 names the one that lacks', async () => {
    const uuid = await failed('kiosk');
    expect((await ask(`/alerts/${uuid}`, reader)).status).toBe(200);
    expect((await ask('/alerts', reader)).status).toBe(200);
    expect((await ask('/queues', reader)).status).toBe(200);
    expect((await ask(`/alerts/${uuid}/retry`, operator, { method: 'POST' })).status).toBe(202);
    const refused = await Promise.all([
      ask('/alerts', writer),
      ask(`/alerts/${uuid}`, operator),
      ask('/alerts', reader, { method: 'POST', body: JSON.stringify(newAlert()) }),
      ask(`/alerts/${uuid}/retry`, reader, { method: 'POST' }),
      ask('/alerts/retry', reader, { method: 'POST', body: '{"filter":{}}' }),
      ask('/queues', writer),
      ask('/queues/api/queues/alerts/clean/failed', reader, { method: 'PUT' }),
    ]);
    expect(refused.map(({ status }) => status)).toEqual(Array(7).fill(403));
    const [first] = refused;
    expect(first && (await json(first))).toMatchObject({
      type: '/problems/forbidden',
      detail: 'The key writer lacks the scope read.',
    });
  });
});

describe('a caller of some stores', () => {
  it('does not learn of another store: 404, and its lists hold its own alone', async () => {
    const [other, own] = [await failed('station'), await failed('harbour')];
    expect((await ask(`/alerts/${own}`, harbour)).status).toBe(200);
    expect((await ask(`/alerts/${other}`, harbour)).status).toBe(404);
    for (const query of ['', '?status=failed', '?limit=1', '?store=harbour', '?store=station']) {
      const { data } = await json(await ask(`/alerts${query}`, harbour));
      expect(
        data.filter(({ store }: { store: string }) => store !== 'harbour'),
        query,
      ).toEqual([]);
      expect(data.length > 0, query).toBe(query !== '?store=station');
    }
  });

  it('pages through its own alone', async () => {
    const own = [await failed('harbour'), await failed('station'), await failed('harbour')];
    const first = await json(await ask('/alerts?limit=1', harbour));
    const second = await json(await ask(`/alerts?limit=1&cursor=${first.next_cursor}`, harbour));
    expect([first.data[0].uuid, second.data[0].uuid]).toEqual([own[2], own[0]]);
  });

  it('posts for its stores and no other, of which nothing is stored', async () => {
    expect((await api.post(newAlert({ store: 'harbour' }), harbour)).status).toBe(202);
    const alert = newAlert({ store: 'station' });
    const answer = await api.post(alert, harbour);
    expect(answer.status).toBe(403);
    expect(await json(answer)).toMatchObject({ type: '/problems/forbidden' });
    expect((await ask(`/alerts/${alert.uuid}`, reader)).status).toBe(404);
  });

  it('learns of a uuid that another store has used that alone, not what its alert holds', async () => {
    const alert = newAlert({ store: 'station' });
    expect((await api.post(alert, writer)).status).toBe(202);
    for (const guess of [alert, newAlert({ uuid: alert.uuid, video: '/other.mp4', timestamp: 1 })]) {
      const answer = await api.post({ ...guess, store: 'harbour' }, harbour);
      expect([answer.status, (await json(answer)).fields]).toEqual([409, ['store']]);
    }
  });

  it('retries its own alone', async () => {
    const [other, own] = [await failed('station'), await failed('harbour')];
    expect((await ask(`/alerts/${other}/retry`, harbour, { method: 'POST' })).status).toBe(404);
    const body = JSON.stringify({ filter: {}, dry_run: false });
    const answer = await json(await ask('/alerts/retry', harbour, { method: 'POST', body }));
    expect(answer.retried).toBeGreaterThan(0);
    const status = async (uuid: string) => (await json(await ask(`/alerts/${uuid}`, reader))).status;
    await eventually(async () => (await status(own)) !== 'failed' || undefined);
    expect(await status(other)).toBe('failed');
  });

  it('is kept from the board, which shows all stores', async () => {
    expect((await ask('/queues', harbour)).status).toBe(403);
    expect((await ask('/queues/api/queues', harbour)).status).toBe(403);
  });
});
