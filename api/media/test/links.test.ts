import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { linkKeys, signLink } from '#media/links.ts';
import { verifyAuditLog } from '#prisma/audit-chain.ts';
import { keyClients } from '../../test/key-clients.ts';
import { json, POLL } from '../../test/test-api.ts';
import { KEY, type MediaApi, OTHER_KEY, startMediaApi } from './media-fixture.ts';

const PICTURE = randomBytes(20_000);
const keys = linkKeys({ LINK_KEYS: [KEY] });
let api: MediaApi;
let uuid: string;
beforeAll(async () => {
  api = await startMediaApi();
  uuid = await api.addAlert('picture', PICTURE);
});
afterAll(() => api.close());

async function createLink(
  body: object,
  { of = uuid, at = api }: { of?: string; at?: MediaApi } = {},
): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return fetch(`${at.url}/alerts/${of}/links`, { method: 'POST', headers, body: JSON.stringify(body) });
}

const revoke = (of = uuid) => fetch(`${api.url}/alerts/${of}/links`, { method: 'DELETE' });

describe('POST /alerts/:uuid/links', () => {
  it('returns a URL that needs no key and that caches may keep until it expires', async () => {
    const before = Date.now();
    const created = await createLink({ of: 'picture', expires_in: 600 });
    expect(created.status).toBe(201);
    const { url, expires_at } = await json(created);
    expect(Date.parse(expires_at)).toBeGreaterThan(before + 598_000);
    expect(Date.parse(expires_at)).toBeLessThanOrEqual(Date.now() + 600_000);
    expect(url).toMatch(
      new RegExp(`^${api.url}/media/picture/${uuid}\\?expires=\\d+&key=[0-9a-f]{16}&signature=[\\w-]{43}$`),
    );
    const response = await fetch(url, { headers: { range: 'bytes=5-9' } });
    expect([response.status, response.headers.get('content-range')]).toEqual([206, 'bytes 5-9/20000']);
    const [, seconds] = /^public, max-age=(\d+), immutable$/.exec(response.headers.get('cache-control') ?? '') ?? [];
    expect(Number(seconds)).toBeLessThanOrEqual(600);
    expect(Number(seconds)).toBeGreaterThan(0);
    expect(response.headers.get('cross-origin-resource-policy')).toBe('cross-origin');
    expect(Buffer.from(await response.arrayBuffer())).toEqual(PICTURE.subarray(5, 10));
    const etag = response.headers.get('etag') ?? '';
    expect((await fetch(url, { headers: { 'if-none-match': etag } })).status).toBe(304);
    expect((await fetch(url, { method: 'HEAD' })).headers.get('content-length')).toBe('20000');
    expect((await fetch(url, { method: 'POST' })).status).toBe(405);
    // Neither link nor signature is logged.
    expect(JSON.stringify(api.logged)).not.toContain(new URL(url).searchParams.get('signature'));
  });

  it('is for the file that is ready later, too', async () => {
    const { url } = await json(await createLink({ of: 'copy' }));
    const response = await fetch(url);
    expect(await json(response)).toMatchObject({ status: 404, type: '/problems/copy-not-available' });
    expect(response.headers.get('cache-control')).toBe('private, no-store');
  });

  it('marks a copy as used', async () => {
    const copy = await api.addAlert('copy', randomBytes(1_000));
    await api.db.$executeRaw`UPDATE copies SET last_used_at = now() - interval '1 hour'`;
    const { url } = await json(await createLink({ of: 'copy' }, { of: copy }));
    const response = await fetch(url);
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'video/mp4']);
    await response.arrayBuffer();
    const used = () => api.db.copy.findFirstOrThrow();
    await expect.poll(async () => (await used()).lastUsedAt.getTime()).toBeGreaterThan(Date.now() - 1_800_000);
  });

  it.each([
    [{}, ['#/of']],
    [{ of: 'video' }, ['#/of']],
    [{ of: 'picture', expires_in: 59 }, ['#/expires_in']],
    [{ of: 'picture', expires_in: 86_401 }, ['#/expires_in']],
    [{ of: 'picture', expires_in: 60.5 }, ['#/expires_in']],
    [{ of: 'picture', key: 'x' }, ['#/key']],
  ])('rejects %j', async (body, pointers) => {
    const response = await createLink(body);
    expect(response.status).toBe(422);
    expect((await json(response)).errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual(pointers);
  });

  it('needs a key to sign with, and uses PUBLIC_URL', async () => {
    expect((await createLink({ of: 'picture' }, { of: randomUUID() })).status).toBe(404);
    const unsigned = await startMediaApi({ media: { linkKeys: [] } });
    onTestFinished(unsigned.close);
    const alert = await unsigned.addAlert('picture', PICTURE);
    const response = await createLink({ of: 'picture' }, { of: alert, at: unsigned });
    expect(await json(response)).toMatchObject({ status: 503, type: '/problems/links-unavailable' });
    const path = signLink(keys, { uuid: alert, of: 'picture', version: 0, expiresAt: new Date(Date.now() + 60_000) });
    expect((await fetch(unsigned.url + path)).status).toBe(403);
    const behind = await startMediaApi({ media: { publicUrl: 'https://alerts.example.com/base/' } });
    onTestFinished(behind.close);
    const own = await behind.addAlert('picture', PICTURE);
    const { url } = await json(await createLink({ of: 'picture' }, { of: own, at: behind }));
    expect(url).toMatch(/^https:\/\/alerts\.example\.com\/base\/media\/picture\//);
  });
});

describe('a signed link', () => {
  const link = (changes: object = {}, signing = keys) =>
    signLink(signing, { uuid, of: 'picture', version: 0, expiresAt: new Date(Date.now() + 60_000), ...changes });

  it('is refused if it is forged, changed or of another alert', async () => {
    const valid = link();
    const other = await api.addAlert('picture', randomBytes(100));
    const [path = '', query = ''] = valid.split('?');
    const forged = [
      valid.replace(uuid, other),
      valid.replace(uuid, randomUUID()),
      valid.replace(uuid, uuid.toUpperCase()),
      valid.replace('/picture/', '/copy/'),
      valid.replace('/media/', '/MEDIA/'),
      valid.replace('?', '/?'),
      valid.replace(/expires=(\d+)/, (_, seconds) => `expires=${Number(seconds) + 60}`),
      `${valid}&x=1`,
      `${valid}&signature=x`,
      `${path}?${query.split('&').toReversed().join('&')}`,
      path,
      `${path}?${query.replace(/signature=.*/, '')}`,
      `${path}?${query.replace(/signature=.*/, 'signature=')}`,
      `${path}?${query.replace(/signature=.*/, `signature=${'A'.repeat(43)}`)}`,
      `${path}?${query.replace(/key=\w+/, `key=${'0'.repeat(16)}`)}`,
      link({}, linkKeys({ LINK_KEYS: [OTHER_KEY] })),
      link({}, [{ id: keys[0]?.id ?? '', key: OTHER_KEY }]),
      link({ version: 1 }),
    ];
    for (const each of forged) {
      const response = await fetch(api.url + each);
      expect([each, response.status]).toEqual([each, 403]);
      expect(await json(response)).toMatchObject({ type: '/problems/link-invalid' });
      expect(response.headers.get('cache-control')).toBe('private, no-store');
    }
    expect((await fetch(api.url + valid)).status).toBe(200);
  });

  it('expires', async () => {
    const response = await fetch(api.url + link({ expiresAt: new Date(Date.now() - 1_000) }));
    expect([response.status, (await json(response)).type]).toEqual([410, '/problems/link-expired']);
  });

  it('is revoked with all others of its alert, and new links are valid', async () => {
    const [alert, other] = [await api.addAlert('picture', PICTURE), await api.addAlert('picture', PICTURE)];
    const links = async () => (await json(await createLink({ of: 'picture' }, { of: alert }))).url;
    const { url: unaffected } = await json(await createLink({ of: 'picture' }, { of: other }));
    for (let round = 0; round < 3; round += 1) {
      const url = await links();
      expect((await fetch(url)).status).toBe(200);
      expect((await revoke(alert)).status).toBe(204);
      expect((await fetch(url)).status).toBe(403);
    }
    expect((await fetch(unaffected)).status).toBe(200);
    expect((await revoke(randomUUID())).status).toBe(404);
  });

  it('is verified with all keys, so that keys can be rotated', async () => {
    const rotated = await startMediaApi({ media: { linkKeys: linkKeys({ LINK_KEYS: [OTHER_KEY, KEY] }) } });
    onTestFinished(rotated.close);
    const alert = await rotated.addAlert('picture', PICTURE);
    const { url } = await json(await createLink({ of: 'picture' }, { of: alert, at: rotated }));
    expect((await fetch(url)).status).toBe(200);
    expect(url).toContain(`key=${linkKeys({ LINK_KEYS: [OTHER_KEY] })[0]?.id}`);
    expect((await fetch(rotated.url + link({ uuid: alert }))).status).toBe(200);
  });
});

describe('the audit log', () => {
  it('has links that are created and revoked, and with AUDIT_READS what is read through them', async () => {
    const { auth, client } = keyClients();
    const headers = { 'content-type': 'application/json', ...client('operator', ['read', 'operate']) };
    const audited = await startMediaApi({ auth, auditReads: 'all' });
    onTestFinished(audited.close);
    const alert = await audited.addAlert('picture', PICTURE);
    const send = (method: string, body?: string) =>
      fetch(`${audited.url}/alerts/${alert}/links`, { method, headers, ...(body !== undefined && { body }) });
    const { url, expires_at } = await json(await send('POST', '{"of":"picture"}'));
    expect((await send('POST', '{"of":"video"}')).status).toBe(422);
    await (await fetch(url)).arrayBuffer();
    const entries = () => audited.db.auditEntry.findMany({ orderBy: { id: 'asc' } });
    await expect.poll(async () => (await entries()).length, POLL).toBe(2);
    expect((await send('DELETE')).status).toBe(204);
    expect((await fetch(url)).status).toBe(403);
    const link_key = keys[0]?.id;
    const by = { actor: 'id-operator', actorName: 'operator', address: '127.0.0.1', target: alert };
    expect(await entries()).toMatchObject([
      { ...by, action: 'link.created', details: { of: 'picture', expires_at, link_key } },
      {
        action: 'alert.read',
        actor: 'link',
        address: '127.0.0.1',
        target: alert,
        details: { of: 'picture', link_key },
      },
      { ...by, action: 'links.revoked', details: {} },
    ]);
    expect(JSON.stringify((await entries()).map(({ details }) => details))).not.toContain(
      new URL(url).searchParams.get('signature'),
    );
    expect(await verifyAuditLog(audited.db)).toMatchObject({ entries: 3 });
  });
});
