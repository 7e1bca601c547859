import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commandLine } from '#prisma/audit.ts';
import { validKeys } from '#prisma/keys.ts';
import { formatKey } from '../auth/key.ts';
import { createKeyAuth } from '../auth/key-auth.ts';
import { createKeyCache } from '../auth/key-cache.ts';
import { createKey } from '../auth/manage-keys.ts';
import { pointersOf, send } from '../destinations/test/destination-client.ts';
import { POLL, startTestApi, type TestApi } from './test-api.ts';

// The routes of keys with real keys. What npm run keys does is tested in keys.test.ts.

let api: TestApi;
let admin: { id: string; headers: Record<string, string> };
beforeAll(async () => {
  const uncached = (db: TestApi['db']) => async (text: string) => createKeyCache(() => validKeys(db)).clientOf(text);
  api = await startTestApi({ auth: (db) => createKeyAuth({ clientOf: uncached(db) }, async () => {}) });
  admin = await keyWith(['write', 'read', 'manage']);
});
afterAll(() => api.close());

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

async function keyWith(scopes: string[], stores: string[] = []) {
  const { key } = await createKey(api.db, { name: 'x', scopes, stores, expiresAt: null }, commandLine());
  return { id: key.id, headers: bearer(formatKey(key)) };
}

const call = (method: string, path: string, body?: unknown, headers = admin.headers) =>
  send(api, method, path, body, headers);
const create = async (changes: object = {}) =>
  (await call('POST', '/keys', { name: 'cameras', scopes: ['read'], ...changes })).body;
const works = async (key: string) => (await call('GET', '/alerts', undefined, bearer(key))).status === 200;
const actions = async (target: string) =>
  (await api.db.auditEntry.findMany({ where: { target }, orderBy: { id: 'asc' } })).map(
    ({ action, actor, details }) => ({
      action,
      actor,
      details,
    }),
  );

describe('POST /keys', () => {
  it('returns a key that works at once, stores only its SHA-256, and records who created it', async () => {
    const expires_at = new Date(Date.now() + 3_600_000).toISOString();
    const stores = ['harbour', 'station'];
    const { status, headers, body } = await call('POST', '/keys', {
      name: 'cameras',
      scopes: ['read'],
      stores,
      expires_at,
    });
    const { key, ...shown } = body;
    expect({ status, location: headers.get('location'), cache: headers.get('cache-control') }).toEqual({
      status: 201,
      location: `/keys/${body.id}`,
      cache: 'no-store',
    });
    expect(shown).toMatchObject({
      name: 'cameras',
      scopes: ['read'],
      stores,
      expires_at,
      status: 'active',
      current: false,
    });
    expect(await works(key)).toBe(true);
    expect((await call('GET', `/keys/${body.id}`)).body).toEqual(shown);
    const details = { name: 'cameras', scopes: ['read'], stores, expires_at };
    expect(await actions(body.id)).toEqual([{ action: 'key.created', actor: admin.id, details }]);
    const secret = key.slice(14);
    const stored = JSON.stringify([await api.db.apiKey.findMany(), await call('GET', '/keys'), api.logged]);
    expect(stored).not.toContain(secret);
    expect(JSON.stringify(await actions(body.id))).not.toContain(secret);
  });

  it('grants no scope and no store that its own key lacks', async () => {
    const { headers } = await keyWith(['read', 'manage'], ['harbour', 'station']);
    const grant = (body: object) => call('POST', '/keys', { name: 'x', scopes: ['read'], ...body }, headers);
    expect((await grant({ stores: ['harbour'] })).status).toBe(201);
    const rejected = [{ stores: ['harbour', 'other'] }, {}, { scopes: ['read', 'operate'], stores: ['harbour'] }];
    const responses = await Promise.all(rejected.map(grant));
    expect(responses.map(({ status }) => status)).toEqual([403, 403, 403]);
    expect(responses[2]?.body.detail).toMatch(/lacks the scope operate/);
  });

  it('names each invalid field', async () => {
    const past = new Date(Date.now() - 1_000).toISOString();
    const invalid = await call('POST', '/keys', { name: '', scopes: ['all'], stores: [''], expires_at: past, x: 1 });
    expect([invalid.status, pointersOf(invalid).sort()]).toEqual([
      422,
      ['#/expires_at', '#/name', '#/scopes/0', '#/stores/0', '#/x'],
    ]);
    expect(pointersOf(await call('POST', '/keys', { name: 'x', scopes: [] }))).toEqual(['#/scopes']);
  });
});

describe('POST /keys/{id}/rotate', () => {
  const rotate = (id: string, body: object = {}, headers = admin.headers) =>
    call('POST', `/keys/${id}/rotate`, body, headers);

  it('creates a key like the old one, which stays valid for 24 hours', async () => {
    const old = await create({ stores: ['harbour'], expires_at: new Date(Date.now() + 90 * 86_400_000).toISOString() });
    const before = Date.now();
    const { status, headers, body } = await rotate(old.id);
    expect([status, headers.get('location')]).toEqual([201, `/keys/${body.id}`]);
    expect(body).toMatchObject({ name: 'cameras', scopes: ['read'], stores: ['harbour'], replaced_by: null });
    expect(Date.parse(body.expires_at) - before).toBeGreaterThan(89 * 86_400_000);
    const { expires_at, replaced_by } = (await call('GET', `/keys/${old.id}`)).body;
    expect({ expires_at, replaced_by }).toEqual({ expires_at: body.replaces.valid_until, replaced_by: body.id });
    expect(Math.abs(Date.parse(expires_at) - before - 86_400_000)).toBeLessThan(600_000);
    expect([await works(old.key), await works(body.key)]).toEqual([true, true]);
    expect((await actions(old.id))[1]).toEqual({
      ...{ action: 'key.rotated', actor: admin.id },
      details: { replaced_by: body.id, valid_until: expires_at },
    });
    expect(await actions(body.id)).toMatchObject([{ action: 'key.created' }]);
  });

  it('takes another overlap and expiry, and never prolongs the old key', async () => {
    const soon = new Date(Date.now() + 3_600_000).toISOString();
    const old = await create({ expires_at: soon });
    const rotated = (await rotate(old.id, { overlap: '7d', expires_at: null })).body;
    expect(rotated).toMatchObject({ expires_at: null, replaces: { id: old.id, valid_until: soon } });
    const next = (await rotate(rotated.id, { overlap: '0' })).body;
    expect([await works(rotated.key), await works(next.key)]).toEqual([false, true]);
  });

  it('rotates a key once, also with two requests at the same time', async () => {
    const { id } = await create();
    const responses = await Promise.all([rotate(id), rotate(id)]);
    expect(responses.map(({ status }) => status).sort()).toEqual([201, 409]);
    const again = await rotate(id);
    expect(again.body).toMatchObject({
      type: '/problems/key-not-active',
      detail: expect.stringContaining('replaced by'),
    });
    const before = await api.db.apiKey.count();
    await call('DELETE', `/keys/${id}`);
    expect((await rotate(id)).body.detail).toBe(`The key ${id} is revoked.`);
    expect(await api.db.apiKey.count()).toBe(before);
  });

  it('rejects more scopes, an overlap of over 30 days, and no overlap of its own key', async () => {
    const lesser = await keyWith(['read', 'manage']);
    const { id } = await create({ scopes: ['write'] });
    expect((await rotate(id, {}, lesser.headers)).status).toBe(403);
    expect((await rotate(id, { overlap: '31d' })).status).toBe(422);
    expect((await rotate(lesser.id, { overlap: '0' }, lesser.headers)).body.type).toBe('/problems/own-key');
    expect((await rotate(lesser.id, {}, lesser.headers)).status).toBe(201);
  });
});

describe('DELETE /keys/{id}', () => {
  it('revokes a key, once in the audit log', async () => {
    const { id, key } = await create();
    expect((await call('DELETE', `/keys/${id}`)).status).toBe(204);
    expect((await call('DELETE', `/keys/${id}`)).status).toBe(204);
    await expect.poll(() => works(key), POLL).toBe(false);
    expect((await call('GET', `/keys/${id}`)).body).toMatchObject({
      status: 'revoked',
      revoked_at: expect.any(String),
    });
    expect((await actions(id)).map(({ action }) => action)).toEqual(['key.created', 'key.revoked']);
  });

  it('does not revoke the key of the request', async () => {
    const { status, body } = await call('DELETE', `/keys/${admin.id}`);
    expect([status, body.type]).toEqual([409, '/problems/own-key']);
    expect((await call('GET', '/keys')).body.data.filter(({ current }: { current: boolean }) => current)).toMatchObject(
      [{ id: admin.id, status: 'active' }],
    );
  });
});

describe('the routes of keys', () => {
  it('need the scope manage; a key that is limited to stores sees and changes only keys of these', async () => {
    const reader = await keyWith(['read', 'write', 'operate', 'metrics']);
    expect((await call('GET', '/keys', undefined, reader.headers)).status).toBe(403);
    expect((await call('GET', '/keys', undefined, {})).status).toBe(401);
    const [own, other] = [await create({ stores: ['kiosk'] }), await create({ stores: ['kiosk', 'other'] })];
    const limited = await keyWith(['read', 'manage'], ['kiosk', 'port']);
    const { data } = (await call('GET', '/keys', undefined, limited.headers)).body;
    expect(data.map(({ id }: { id: string }) => id)).toEqual([own.id, limited.id]);
    for (const { id } of [other, admin]) {
      expect((await call('GET', `/keys/${id}`, undefined, limited.headers)).status).toBe(404);
      expect((await call('POST', `/keys/${id}/rotate`, {}, limited.headers)).status).toBe(404);
      expect((await call('DELETE', `/keys/${id}`, undefined, limited.headers)).status).toBe(404);
    }
    expect((await call('DELETE', `/keys/${own.id}`, undefined, limited.headers)).status).toBe(204);
  });
});
