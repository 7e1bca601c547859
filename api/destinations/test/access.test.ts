import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ANONYMOUS, type Client, type Scope } from '../../auth/client.ts';
import { startTestApi, type TestApi } from '../../test/test-api.ts';
import { newDestination, send } from './destination-client.ts';

const client = (id: string, scopes: Scope[], stores?: string[]): Client => ({
  ...{ id, name: `key ${id}`, scopes: new Set(scopes), stores },
});
const clients = new Map(
  [
    client('reader', ['read']),
    client('operator', ['write', 'read', 'operate', 'metrics']),
    client('manager', ['manage']),
    client('harbour', ['read', 'manage'], ['harbour']),
  ].map((each) => [each.id, each]),
);

let api: TestApi;
let destination: string;
let own: string;
let other: string;
beforeAll(async () => {
  api = await startTestApi({
    auth: { clientOf: async (req) => clients.get(req.get('authorization') ?? '') ?? ANONYMOUS },
  });
  destination = (await as('manager', 'POST', '/destinations', newDestination())).body.id;
  const add = (store: string | null) =>
    api.db.delivery.create({
      data: { destinationId: destination, event: 'test', snapshot: {}, store, status: 'failed' },
    });
  [{ id: own }, { id: other }] = [await add('harbour'), await add('station')];
  await add(null);
});
afterAll(() => api.close());

function as(name: string | undefined, method: string, path: string, body?: unknown) {
  return send(api, method, path, body, name === undefined ? {} : { authorization: name });
}

const READS = ['/destinations', '/destinations/ID', '/deliveries', '/deliveries/ID', '/mutes'];
const CHANGES: [method: string, path: string, body?: unknown][] = [
  ['POST', '/destinations', newDestination()],
  ['PATCH', '/destinations/ID', { enabled: true }],
  ['DELETE', '/destinations/ID'],
  ['POST', '/destinations/ID/test'],
  ['POST', '/destinations/ID/rotate-secret'],
  ['POST', '/deliveries/ID/retry'],
  ['POST', '/deliveries/retry', {}],
  ['POST', '/mutes', { store: 'a', duration: '1h', reason: 'r' }],
  ['DELETE', '/mutes/ID'],
];

describe('destinations, deliveries and mutes', () => {
  it.each(READS)('GET %s needs the scope read', async (path) => {
    const statuses = await Promise.all(
      [undefined, 'manager', 'reader'].map(
        async (name) => (await as(name, 'GET', path.replace('ID', randomUUID()))).status,
      ),
    );
    expect(statuses.slice(0, 2)).toEqual([401, 403]);
    expect([200, 404]).toContain(statuses[2]);
  });

  it.each(CHANGES)('%s %s needs the scope manage, and a key for all stores', async (method, path, body) => {
    const statusOf = async (name?: string) => (await as(name, method, path.replace('ID', randomUUID()), body)).status;
    expect([await statusOf(), await statusOf('reader'), await statusOf('operator')]).toEqual([401, 403, 403]);
    expect(await statusOf('harbour')).toBe(403);
    expect([200, 201, 204, 404]).toContain(await statusOf('manager'));
  });

  it('explain why a key with stores may not change them', async () => {
    const { body } = await as('harbour', 'POST', '/destinations', newDestination());
    expect(body.detail).toBe('This concerns all stores, but the key harbour is limited to some.');
  });

  it('show a key with stores only their deliveries and mutes', async () => {
    expect((await as('harbour', 'GET', '/destinations')).body.data).toHaveLength(3);
    expect((await as('harbour', 'GET', '/deliveries')).body.data).toMatchObject([{ id: own, store: 'harbour' }]);
    expect((await as('harbour', 'GET', `/deliveries/${own}`)).status).toBe(200);
    expect((await as('harbour', 'GET', `/deliveries/${other}`)).status).toBe(404);
    expect((await as('reader', 'GET', '/deliveries')).body.data).toHaveLength(3);
    for (const mute of [{ store: 'harbour' }, { store: 'station' }, { failure_code: 'video_timeout' }]) {
      await as('manager', 'POST', '/mutes', { ...mute, duration: '1h', reason: 'r' });
    }
    const { data } = (await as('harbour', 'GET', '/mutes')).body;
    expect(data.map(({ store }: { store: string | null }) => store).filter((store: string) => store !== 'a')).toEqual([
      'harbour',
      null,
    ]);
    expect(data[0].created_by).toBe('key manager');
  });

  it.each([
    ['/destinations', 'GET, POST'],
    ['/destinations/console', 'GET, PATCH, DELETE'],
    ['/destinations/console/test', 'POST'],
    ['/destinations/console/rotate-secret', 'POST'],
    ['/deliveries', 'GET'],
    ['/deliveries/retry', 'POST'],
    ['/mutes', 'GET, POST'],
    ['/mutes/x', 'DELETE'],
  ])('%s allows %s only', async (path, methods) => {
    const { status, headers } = await as('reader', 'PUT', path);
    expect(status).toBe(405);
    expect(headers.get('allow')?.replace('HEAD, ', '')).toBe(methods);
  });
});
