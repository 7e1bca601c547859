import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ANONYMOUS, type Client, type Scope } from '../auth/client.ts';
import { json, newAlert, POLL, startTestApi, type TestApi } from './test-api.ts';

// Which scope each route needs, and what a client limited to some stores sees. keys.test.ts tests how keys are checked.
const clients = new Map<string, Client>();
function client(name: string, scopes: Scope[], stores?: string[]): Record<string, string> {
  clients.set(name, { id: name, name, scopes: new Set(scopes), stores });
  return { 'x-client': name };
}
const writer = client('writer', ['write']);
const reader = client('reader', ['read']);
const operator = client('operator', ['operate']);
const harbour = client('harbour', ['write', 'read', 'operate'], ['harbour']);

const unprivileged = client('unprivileged', []);

// Every other route needs a scope.
const PUBLIC_PATHS = /^\/(livez|readyz|openapi\.json|docs|problems|login|login\.css|logout|assets|favicon\.ico)(\/|$)/;

let api: TestApi;
beforeAll(async () => {
  const auth = {
    clientOf: async (req: { get(name: string): string | undefined }) =>
      clients.get(req.get('x-client') ?? '') ?? ANONYMOUS,
  };
  api = await startTestApi({ auth });
});
afterAll(() => api.close());

const send = (path: string, headers: Record<string, string> = {}, init: RequestInit = {}) =>
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
    expect((await send(path)).status).toBe(200);
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
  ])('gets 401 from %s %s', async (method, path) => {
    const response = await send(path, {}, { method });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toMatch(/^Bearer /);
    expect(await json(response)).toMatchObject({ type: '/problems/unauthorized', status: 401 });
  });
});

/** A layer of an Express router: a route, a router, or another handler. */
type Layer = { route?: { path: string; stack: { method?: string }[] }; handle: { stack?: Layer[] } };

/** Returns method and path of each route, with values for its parameters. */
function routesOf(layers: Layer[]): { method: string; path: string }[] {
  return layers.flatMap(({ route, handle }) => {
    if (!route) return routesOf(handle.stack ?? []);
    const path = route.path.replace(':uuid', randomUUID()).replace(/\{?[:*]\w+\}?/g, 'x');
    // Without a method: the handler that rejects all other methods.
    return route.stack.flatMap(({ method }) => (method === undefined ? [] : [{ method: method.toUpperCase(), path }]));
  });
}

describe('a key without a scope', () => {
  it('is rejected by every route, except the public ones', async () => {
    const routes = routesOf(Object(api.app).router.stack).filter(({ path }) => !PUBLIC_PATHS.test(path));
    expect(routes.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['/', '/metrics', '/alerts', '/alerts/retry']),
    );
    const statusOf = async ({ method, path }: { method: string; path: string }) =>
      `${method} ${path}: ${(await send(path, unprivileged, { method })).status}`;
    const statuses = await Promise.all(routes.map(statusOf));
    expect([...new Set(statuses)].filter((status) => !status.endsWith(': 403'))).toEqual([]);
  });
});

describe('a scope', () => {
  it('grants its routes, and 403 names the missing scope', async () => {
    const uuid = await failed('kiosk');
    expect((await send(`/alerts/${uuid}`, reader)).status).toBe(200);
    expect((await send('/alerts', reader)).status).toBe(200);
    expect((await send('/queues', reader)).status).toBe(200);
    expect((await send(`/alerts/${uuid}/retry`, operator, { method: 'POST' })).status).toBe(202);
    const rejected = await Promise.all([
      send('/alerts', writer),
      send(`/alerts/${uuid}`, operator),
      send('/alerts', reader, { method: 'POST', body: JSON.stringify(newAlert()) }),
      send(`/alerts/${uuid}/retry`, reader, { method: 'POST' }),
      send('/alerts/retry', reader, { method: 'POST', body: '{"filter":{}}' }),
      send('/queues', writer),
      send('/queues/api/queues/alerts/clean/failed', reader, { method: 'PUT' }),
    ]);
    expect(rejected.map(({ status }) => status)).toEqual(Array(7).fill(403));
    const [first] = rejected;
    expect(first && (await json(first))).toMatchObject({
      type: '/problems/forbidden',
      detail: 'The key writer lacks the scope read.',
    });
  });
});

describe('a client limited to some stores', () => {
  it('gets 404 for alerts of other stores, and lists only its own', async () => {
    const [other, own] = [await failed('station'), await failed('harbour')];
    expect((await send(`/alerts/${own}`, harbour)).status).toBe(200);
    expect((await send(`/alerts/${other}`, harbour)).status).toBe(404);
    for (const query of ['', '?status=failed', '?limit=1', '?store=harbour', '?store=station']) {
      const { data } = await json(await send(`/alerts${query}`, harbour));
      expect(
        data.filter(({ store }: { store: string }) => store !== 'harbour'),
        query,
      ).toEqual([]);
      expect(data.length > 0, query).toBe(query !== '?store=station');
    }
  });

  it('pages through its own alerts only', async () => {
    const own = [await failed('harbour'), await failed('station'), await failed('harbour')];
    const first = await json(await send('/alerts?limit=1', harbour));
    const second = await json(await send(`/alerts?limit=1&cursor=${first.next_cursor}`, harbour));
    expect([first.data[0].uuid, second.data[0].uuid]).toEqual([own[2], own[0]]);
  });

  it('posts for its stores only; nothing is stored for others', async () => {
    expect((await api.post(newAlert({ store: 'harbour' }), harbour)).status).toBe(202);
    const alert = newAlert({ store: 'station' });
    const response = await api.post(alert, harbour);
    expect(response.status).toBe(403);
    expect(await json(response)).toMatchObject({ type: '/problems/forbidden' });
    expect((await send(`/alerts/${alert.uuid}`, reader)).status).toBe(404);
  });

  it('learns that another store uses a uuid, but nothing about that alert', async () => {
    const alert = newAlert({ store: 'station' });
    expect((await api.post(alert, writer)).status).toBe(202);
    for (const guess of [alert, newAlert({ uuid: alert.uuid, video: '/other.mp4', timestamp: 1 })]) {
      const response = await api.post({ ...guess, store: 'harbour' }, harbour);
      expect([response.status, (await json(response)).fields]).toEqual([409, ['store']]);
    }
  });

  it('retries its own alerts only', async () => {
    const [other, own] = [await failed('station'), await failed('harbour')];
    expect((await send(`/alerts/${other}/retry`, harbour, { method: 'POST' })).status).toBe(404);
    const body = JSON.stringify({ filter: {}, dry_run: false });
    const response = await json(await send('/alerts/retry', harbour, { method: 'POST', body }));
    expect(response.retried).toBeGreaterThan(0);
    const status = async (uuid: string) => (await json(await send(`/alerts/${uuid}`, reader))).status;
    await expect.poll(async () => (await status(own)) !== 'failed', POLL).toBeTruthy();
    expect(await status(other)).toBe('failed');
  });

  it('has no access to Bull Board, which shows all stores', async () => {
    expect((await send('/queues', harbour)).status).toBe(403);
    expect((await send('/queues/api/queues', harbour)).status).toBe(403);
  });
});
