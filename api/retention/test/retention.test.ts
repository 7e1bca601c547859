import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ANONYMOUS, type Client, type Scope } from '../../auth/client.ts';
import { startTestApi, type TestApi } from '../../test/test-api.ts';

const client = (id: string, scopes: Scope[], stores?: string[]): Client => ({
  ...{ id, name: `key ${id}`, scopes: new Set(scopes), stores },
});
const clients = new Map(
  [
    client('operator', ['write', 'read', 'operate', 'metrics']),
    client('manager', ['manage']),
    client('harbour', ['manage'], ['harbour']),
  ].map((each) => [each.id, each]),
);

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({
    auth: { clientOf: async (req) => clients.get(req.get('authorization') ?? '') ?? ANONYMOUS },
    retentionDays: 100,
  });
});
afterAll(() => api.close());

async function as(name: string, method: string, path: string, body?: unknown) {
  const response = await fetch(`${api.url}${path}`, {
    method,
    headers: { authorization: name, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
}

const rules = async (name = 'manager') => (await as(name, 'GET', '/retention')).body.rules;

/** Inserts processed alerts of the store, one a day and a second old, one two days and a second, and so on. */
const insert = (store: string, days: number) => api.db.$executeRaw`
  INSERT INTO alerts (uuid, video, store, timestamp, request_id, status, received_at, updated_at, notified_at)
  SELECT gen_random_uuid(), '/a.mp4', ${store}, 1, 'r', 'processed', now() - make_interval(days => n, secs => 1), now(), now()
  FROM generate_series(1, ${days}::int) n`;

describe('retention rules', () => {
  it('are set, replaced and deleted, each time with an entry in the audit log', async () => {
    expect((await as('manager', 'GET', '/retention')).body).toEqual({ default_days: 100, rules: [], last_run: null });
    const { status, body } = await as('manager', 'PUT', '/retention/rules', { status: 'failed', days: 90 });
    expect(status).toBe(200);
    expect(body).toMatchObject({ store: null, status: 'failed', days: 90, updated_by: 'key manager' });
    await as('manager', 'PUT', '/retention/rules', { status: 'failed', days: null });
    expect(await rules()).toMatchObject([{ id: body.id, days: null }]);
    expect((await as('manager', 'DELETE', `/retention/rules/${body.id}`)).status).toBe(204);
    expect((await as('manager', 'DELETE', `/retention/rules/${body.id}`)).status).toBe(404);
    expect(await rules()).toEqual([]);
    const entries = await api.db.$queryRaw`
      SELECT actor, target, details FROM audit_log WHERE action = 'retention.changed' ORDER BY id`;
    const target = { actor: 'manager', target: body.id };
    expect(entries).toEqual([
      { ...target, details: { store: null, status: 'failed', days: 90, before: null } },
      { ...target, details: { store: null, status: 'failed', days: null, before: 90 } },
      { ...target, details: { store: null, status: 'failed', before: null, deleted: true } },
    ]);
  });

  it.each([
    ['no days', {}, '#/days'],
    ['0 days', { days: 0 }, '#/days'],
    ['a fraction', { days: 1.5 }, '#/days'],
    ['a century', { days: 36_501 }, '#/days'],
    ['another status', { days: 1, status: 'pending' }, '#/status'],
    ['an empty store', { days: 1, store: '' }, '#/store'],
  ])('are rejected with %s', async (_, body, pointer) => {
    const rejected = await as('manager', 'PUT', '/retention/rules', body);
    expect(rejected.status).toBe(422);
    expect(rejected.body.errors).toMatchObject([{ pointer }]);
  });

  it('need the scope manage', async () => {
    const id = randomUUID();
    const statuses = await Promise.all([
      as('operator', 'GET', '/retention'),
      as('operator', 'PUT', '/retention/rules', { days: 1 }),
      as('operator', 'DELETE', `/retention/rules/${id}`),
      as('operator', 'POST', '/retention/preview', { days: 1 }),
    ]);
    expect(statuses.map(({ status }) => status)).toEqual([403, 403, 403, 403]);
  });

  it('of other stores are not shown to a key that is limited to stores, and it can change its own only', async () => {
    const all = await as('manager', 'PUT', '/retention/rules', { days: 50 });
    const station = await as('manager', 'PUT', '/retention/rules', { store: 'station', days: 60 });
    const harbour = await as('harbour', 'PUT', '/retention/rules', { store: 'harbour', days: 70 });
    expect(harbour.status).toBe(200);
    expect((await rules('harbour')).map(({ store }: { store: string }) => store)).toEqual([null, 'harbour']);
    const rejected = await Promise.all([
      as('harbour', 'PUT', '/retention/rules', { days: 1 }),
      as('harbour', 'PUT', '/retention/rules', { store: 'station', days: 1 }),
      as('harbour', 'DELETE', `/retention/rules/${all.body.id}`),
      as('harbour', 'DELETE', `/retention/rules/${station.body.id}`),
      as('harbour', 'POST', '/retention/preview', { days: 1 }),
      as('harbour', 'POST', '/retention/preview', { store: 'station', days: 1 }),
    ]);
    expect(rejected.map(({ status }) => status)).toEqual([403, 403, 403, 403, 403, 403]);
    expect((await as('harbour', 'DELETE', `/retention/rules/${harbour.body.id}`)).status).toBe(204);
    for (const { id } of await rules()) await as('manager', 'DELETE', `/retention/rules/${id}`);
  });
});

describe('a preview', () => {
  it('counts what a rule would delete, of its store or of all', async () => {
    await insert('a', 10);
    await insert('b', 10);
    const preview = async (body: object) => (await as('manager', 'POST', '/retention/preview', body)).body.due;
    expect(await preview({ days: 5 })).toBe(12);
    expect(await preview({ store: 'a', days: 5 })).toBe(6);
    expect(await preview({ store: 'a', status: 'failed', days: 1 })).toBe(0);
    const { body: rule } = await as('manager', 'PUT', '/retention/rules', { store: 'a', days: null });
    expect(await preview({ days: 5 })).toBe(6);
    expect(await preview({ store: 'a', remove: true })).toBe(0);
    await as('manager', 'PUT', '/retention/rules', { days: 9 });
    expect(await preview({ store: 'a', remove: true })).toBe(2);
    expect(await preview({ store: null, remove: true })).toBe(0);
    expect((await as('manager', 'POST', '/retention/preview', { days: 5, remove: true })).status).toBe(422);
    const { body } = await as('manager', 'POST', '/retention/preview', { days: 5 });
    expect(Date.now() - Date.parse(body.oldest)).toBeGreaterThan(9.9 * 86_400_000);
    expect(await rules()).toMatchObject([{ store: null, days: 9 }, { id: rule.id }]);
  });
});

describe('the last run', () => {
  it('is shown, except to keys that are limited to stores', async () => {
    await api.db.$executeRaw`
      INSERT INTO retention_state (started_at, updated_at, deleted, error) VALUES (now(), now(), 7, 'no space left on device')`;
    const { last_run } = (await as('manager', 'GET', '/retention')).body;
    expect(last_run).toMatchObject({ deleted: 7, error: 'no space left on device', finished_at: null });
    expect((await as('harbour', 'GET', '/retention')).body.last_run).toBeNull();
  });
});
