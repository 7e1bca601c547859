import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { appendAudit } from '#prisma/audit.ts';
import { verifyAuditLog } from '#prisma/audit-chain.ts';
import { newDestination, send } from '../destinations/test/destination-client.ts';
import { keyClients } from './key-clients.ts';
import { newAlert, startTestApi, type TestApi } from './test-api.ts';

const { auth, client } = keyClients();
const manager = client('manager', ['write', 'read', 'operate', 'manage']);
const harbour = client('harbour', ['read', 'operate', 'manage'], ['harbour']);
const operator = client('operator', ['read', 'operate', 'write']);

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ auth, trustProxy: 1 });
});
afterAll(() => api.close());

const call = (method: string, path: string, body?: unknown, headers = manager) =>
  send(api, method, path, body, headers);
const entries = async (query: string) => (await call('GET', `/audit?${query}`)).body.data;

describe('the audit log records', () => {
  it('who changed a destination, from which address, and no secrets', async () => {
    const from = { ...manager, 'x-forwarded-for': '203.0.113.9' };
    const body = newDestination({ config: { url: 'https://example.com/h0ok-secret' } });
    const { id } = (await call('POST', '/destinations', body, from)).body;
    await call('PATCH', `/destinations/${id}`, { enabled: false, config: { url: 'https://example.com/0ther' } });
    await call('POST', `/destinations/${id}/rotate-secret`);
    await call('DELETE', `/destinations/${id}`);
    const found = await entries(`target=${id}`);
    expect(found.map(({ action }: { action: string }) => action)).toEqual([
      ...['destination.deleted', 'destination.secret_rotated', 'destination.changed', 'destination.created'],
    ]);
    expect(found[3].actor).toEqual({ id: 'id-manager', name: 'manager', address: '203.0.113.9' });
    expect(found[3].details).toEqual({ name: body.name, kind: 'webhook', enabled: true });
    expect(found[2].details).toEqual({ name: body.name, fields: ['enabled', 'config'], enabled: false });
    expect(JSON.stringify(found)).not.toMatch(/h0ok-secret|0ther|whsec/);
  });

  it('nothing of a change that is rejected', async () => {
    const body = newDestination();
    await call('POST', '/destinations', body);
    const before = await entries('limit=1');
    expect((await call('POST', '/destinations', body)).status).toBe(409);
    expect((await call('PATCH', `/destinations/${randomUUID()}`, { enabled: true })).status).toBe(404);
    expect((await call('DELETE', `/destinations/${randomUUID()}`)).status).toBe(404);
    expect((await call('DELETE', `/mutes/${randomUUID()}`)).status).toBe(404);
    expect((await call('POST', `/alerts/${randomUUID()}/retry`)).status).toBe(404);
    expect(await entries('limit=1')).toEqual(before);
  });

  it('mutes and retries', async () => {
    const mute = await call('POST', '/mutes', { store: 'a', duration: '1h', reason: 'works' });
    await call('DELETE', `/mutes/${mute.body.id}`);
    expect((await entries(`target=${mute.body.id}`)).map(({ action }: { action: string }) => action)).toEqual([
      ...['mute.ended', 'mute.created'],
    ]);
    const { uuid } = newAlert();
    await api.post(newAlert({ uuid }), manager);
    await api.db
      .$executeRaw`UPDATE alerts SET status = 'failed', failure_code = 'video_timeout' WHERE uuid = ${uuid}::uuid`;
    expect((await call('POST', `/alerts/${uuid}/retry`, undefined, operator)).status).toBe(202);
    expect(await entries(`target=${uuid}`)).toMatchObject([{ action: 'alert.retried', actor: { name: 'operator' } }]);
    await call('POST', '/alerts/retry', { filter: { store: 'none' }, dry_run: true });
    expect(await entries('action=alerts.retried')).toEqual([]);
    await call('POST', '/alerts/retry', { filter: { store: 'none' }, dry_run: false });
    expect(await entries('action=alerts.retried')).toMatchObject([
      { details: { filter: { store: 'none' }, retried: 0 } },
    ]);
    await call('POST', '/deliveries/retry', { store: 'none', dry_run: false });
    expect(await entries('action=deliveries.retried')).toMatchObject([
      { details: { request: { store: 'none', dry_run: false }, matched: 0, retried: 0 } },
    ]);
  });
});

describe('GET /audit', () => {
  it('pages through all entries, newest first, and filters them', async () => {
    const target = randomUUID();
    for (let n = 1; n <= 5; n += 1) {
      await appendAudit(api.db, {
        actor: { id: n % 2 ? 'odd' : 'even' },
        action: 'key.created',
        target,
        details: { n },
      });
    }
    const numbers = (data: { details: { n: number } }[]) => data.map(({ details }) => details.n);
    const first = await call('GET', `/audit?target=${target}&limit=2`);
    expect(first.headers.get('link')).toMatch(/^<\/audit\?target=.+&cursor=\w+>; rel="next"$/);
    const second = await call('GET', `/audit?target=${target}&limit=2&cursor=${first.body.next_cursor}`);
    const third = await call('GET', `/audit?target=${target}&limit=2&cursor=${second.body.next_cursor}`);
    expect([first, second, third].map(({ body }) => numbers(body.data))).toEqual([[5, 4], [3, 2], [1]]);
    expect(third.body.next_cursor).toBeNull();
    expect(numbers(await entries(`target=${target}&actor=odd`))).toEqual([5, 3, 1]);
    const [, , middle] = await entries(`target=${target}`);
    expect((await entries(`target=${target}&from=${middle.at}`)).length).toBeGreaterThanOrEqual(3);
    expect(await entries(`target=${target}&to=2020-01-01T00:00:00Z`)).toEqual([]);
    expect((await verifyAuditLog(api.db)).error).toBeUndefined();
  });

  it('needs the scope manage, and access to all stores', async () => {
    expect((await call('GET', '/audit', undefined, operator)).status).toBe(403);
    expect((await call('GET', '/audit', undefined, harbour)).status).toBe(403);
    expect((await call('GET', '/audit', undefined, {})).status).toBe(401);
    expect((await call('POST', '/audit')).status).toBe(405);
    expect((await call('GET', '/audit?action=x&limit=0&more=1')).status).toBe(422);
    expect((await call('GET', '/audit?cursor=x')).body.type).toBe('/problems/bad-cursor');
  });
});
