import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { claim, markNotified, recordFailure } from '#prisma/alerts.ts';
import { deleteFinished } from '#prisma/delete-alerts.ts';
import { warm } from '#test/harness/test-database.ts';
import { send } from '../destinations/test/destination-client.ts';
import { keyClients } from './key-clients.ts';
import { newAlert, startTestApi, type TestApi } from './test-api.ts';

const { auth, client } = keyClients();
const manager = client('manager', ['write', 'read', 'manage']);
const harbour = client('harbour', ['read', 'manage'], ['harbour']);
const operator = client('operator', ['write', 'read', 'operate']);

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ auth });
});
afterAll(() => api.close());

async function pending(changes: Record<string, unknown> = {}): Promise<string> {
  const alert = newAlert(changes);
  expect((await api.post(alert, manager)).status).toBe(202);
  return alert.uuid;
}

async function finished(): Promise<string> {
  const uuid = await pending();
  await claim(api.db, uuid);
  await recordFailure(api.db, { uuid, claim: 1 }, { code: 'no_video_stream', detail: 'sound only' }, 5);
  await markNotified(api.db, { uuid, claim: 1 });
  return uuid;
}

const hold = (uuid: string, reason = 'case 7', headers = manager) =>
  send(api, 'PUT', `/alerts/${uuid}/hold`, { reason }, headers);
const release = (uuid: string, headers = manager) => send(api, 'DELETE', `/alerts/${uuid}/hold`, undefined, headers);
const remove = (uuid: string, headers = manager) => send(api, 'DELETE', `/alerts/${uuid}`, undefined, headers);
const get = (path: string, headers = manager) => send(api, 'GET', path, undefined, headers);
const actions = async (uuid: string) =>
  (await get(`/audit?target=${uuid}`)).body.data.map(({ action }: { action: string }) => action);

describe('PUT /alerts/:uuid/hold', () => {
  it('holds an alert in any state, and shows the hold wherever the alert is shown', async () => {
    const before = await get(`/alerts/${await pending()}`);
    expect(before.body.hold).toBeNull();
    const uuid = before.body.uuid;
    const { status, body } = await hold(uuid, 'case 2026-0147');
    expect(status).toBe(200);
    expect(body.hold).toEqual({ reason: 'case 2026-0147', created_by: 'manager', created_at: expect.any(String) });
    const after = await get(`/alerts/${uuid}`);
    expect(after.body).toEqual(body);
    expect(after.headers.get('etag')).not.toBe(before.headers.get('etag'));
    expect((await get('/alerts?limit=1')).body.data[0].hold).toEqual(body.hold);
    const processed = await finished();
    expect((await hold(processed)).body).toMatchObject({ status: 'failed', hold: { reason: 'case 7' } });
  });

  it('changes the reason of a hold, and keeps who placed it', async () => {
    const uuid = await pending();
    const first = (await hold(uuid, 'first')).body.hold;
    expect((await hold(uuid, 'second', client('other', ['manage']))).body.hold).toEqual({ ...first, reason: 'second' });
    expect((await hold(uuid, 'second')).status).toBe(200);
    expect(await actions(uuid)).toEqual(['hold.changed', 'hold.placed']);
    const [changed] = (await get(`/audit?target=${uuid}`)).body.data;
    expect(changed.details).toEqual({ reason: 'second', previous_reason: 'first' });
    expect(changed.actor).toMatchObject({
      id: 'id-other',
      name: 'other',
      address: expect.stringMatching(/127\.0\.0\.1/),
    });
  });

  it('rejects invalid input, unknown alerts, and keys without the scope or the store', async () => {
    const uuid = await pending({ store: 'station' });
    expect((await send(api, 'PUT', `/alerts/${uuid}/hold`, { reason: '' }, manager)).status).toBe(422);
    expect((await send(api, 'PUT', `/alerts/${uuid}/hold`, { reason: 'a\nb' }, manager)).status).toBe(422);
    expect((await send(api, 'PUT', `/alerts/${uuid}/hold`, { reason: 'a', more: 1 }, manager)).status).toBe(422);
    expect((await hold('x')).status).toBe(422);
    expect((await hold(randomUUID())).status).toBe(404);
    expect((await hold(uuid, 'a', operator)).status).toBe(403);
    expect((await hold(uuid, 'a', harbour)).status).toBe(404);
    expect((await get(`/alerts/${uuid}`)).body.hold).toBeNull();
    const own = await pending({ store: 'harbour' });
    expect((await hold(own, 'a', harbour)).status).toBe(200);
    expect((await send(api, 'GET', `/alerts/${own}/hold`, undefined, manager)).headers.get('allow')).toBe(
      'PUT, DELETE',
    );
  });
});

describe('DELETE /alerts/:uuid/hold', () => {
  it('releases the alert once', async () => {
    const uuid = await pending({ store: 'station' });
    await hold(uuid);
    expect((await release(uuid, operator)).status).toBe(403);
    expect((await release(uuid, harbour)).status).toBe(404);
    expect((await release(uuid)).status).toBe(204);
    expect((await release(uuid)).status).toBe(404);
    expect((await get(`/alerts/${uuid}`)).body.hold).toBeNull();
    expect(await actions(uuid)).toEqual(['hold.released', 'hold.placed']);
  });
});

describe('GET /alerts?held=', () => {
  it('lists held alerts, page by page and with other filters, or only others', async () => {
    const store = randomUUID();
    const uuids = [
      await pending({ store }),
      await pending({ store }),
      await pending({ store }),
      await pending({ store }),
    ];
    const [first = '', other, second = '', third = ''] = uuids;
    for (const uuid of [third, first, second]) await hold(uuid);
    const list = async (query: string) => {
      const { body } = await get(`/alerts?store=${store}&${query}`);
      return { uuids: body.data.map(({ uuid }: { uuid: string }) => uuid), next: body.next_cursor };
    };
    const page = await list('held=true&limit=2');
    expect(page.uuids).toEqual([third, second]);
    expect(await list(`held=true&limit=2&cursor=${page.next}`)).toEqual({ uuids: [first], next: null });
    expect((await list('held=false')).uuids).toEqual([other]);
    expect((await list('held=true&status=failed')).uuids).toEqual([]);
    expect((await list(`held=true&q=${first}`)).uuids).toEqual([first]);
    expect((await get('/alerts?held=yes')).status).toBe(422);
  });
});

describe('DELETE /alerts/:uuid', () => {
  it('deletes an alert, and records what it was', async () => {
    const uuid = await finished();
    expect((await remove(uuid, operator)).status).toBe(403);
    expect((await remove(uuid, harbour)).status).toBe(404);
    expect((await remove(uuid)).status).toBe(204);
    expect((await get(`/alerts/${uuid}`)).status).toBe(404);
    expect((await remove(uuid)).status).toBe(404);
    const [entry] = (await get(`/audit?target=${uuid}&action=alert.deleted`)).body.data;
    expect(entry.details).toMatchObject({ store: 'test-store', video: '/videos/test_1.avi', status: 'failed' });
    expect((await remove('x')).status).toBe(422);
  });

  it('rejects an alert that is held or in progress', async () => {
    const uuid = await finished();
    await hold(uuid);
    const held = await remove(uuid);
    expect([held.status, held.body.type]).toEqual([409, '/problems/alert-held']);
    await release(uuid);
    expect((await remove(uuid)).status).toBe(204);
    const running = await pending();
    await claim(api.db, running);
    const processing = await remove(running);
    expect([processing.status, processing.body.type]).toEqual([409, '/problems/alert-processing']);
    expect(await actions(uuid)).toEqual(['alert.deleted', 'hold.released', 'hold.placed']);
  });
});

describe('at the same time', () => {
  it('a hold or a deletion succeeds, and never both', async () => {
    await warm(api.db, 4);
    for (let round = 0; round < 12; round += 1) {
      const uuid = await finished();
      const both = round % 2 ? [hold(uuid), remove(uuid)] : [remove(uuid), hold(uuid)];
      const statuses = (await Promise.all(both)).map(({ status }) => status);
      const [held, removed] = round % 2 ? statuses : statuses.toReversed();
      const exists = (await get(`/alerts/${uuid}`)).status;
      expect([`${held} ${removed}`, exists]).toEqual(held === 200 ? ['200 409', 200] : ['404 204', 404]);
    }
  });

  it('a hold or the retention succeeds, and never both', async () => {
    for (let round = 0; round < 6; round += 1) {
      const uuids = [await finished(), await finished(), await finished()];
      const rows = await api.db.alert.findMany({ where: { uuid: { in: uuids } } });
      const prune = () => deleteFinished(api.db, rows);
      const [pruned, ...holds] = await Promise.all([prune(), ...uuids.map((uuid) => hold(uuid))]);
      const exist = await Promise.all(uuids.map(async (uuid) => (await get(`/alerts/${uuid}`)).status === 200));
      const isHeld = holds.map(({ status }) => status === 200);
      expect([exist, uuids.map((uuid) => !pruned.uuids.includes(uuid))]).toEqual([isHeld, isHeld]);
    }
  });
});
