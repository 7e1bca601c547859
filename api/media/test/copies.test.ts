import { createHash, randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { recordNoCopy, renewCopy } from '#prisma/copies.ts';
import { addKey } from '#prisma/keys.ts';
import { digest, formatKey, makeKey } from '../../auth/key.ts';
import { createKey } from '../../test/browser.ts';
import { json } from '../../test/test-api.ts';
import { alert, api, claimed, copy, makeCopy, post, store } from './copies-fixture.ts';

describe('POST /alerts/:uuid/copy', () => {
  it('requests a copy once, reports its progress, and then has it', async () => {
    const uuid = await alert();
    const first = await post(uuid);
    expect(first.status).toBe(202);
    expect(Object.fromEntries(first.headers)).toMatchObject({ location: `/alerts/${uuid}/copy`, 'retry-after': '1' });
    expect(await json(first)).toMatchObject({ status: 'pending', progress: 0, bytes: null, archive: false });
    expect((await post(uuid)).status).toBe(202);
    const job = await claimed();
    expect(job.alert.uuid).toBe(uuid);
    await renewCopy(api.db, job, { leaseMs: 60_000, progress: 0.25 });
    const pending = await copy(uuid);
    expect(pending.status).toBe(202);
    expect(pending.headers.get('cache-control')).toBe('no-store');
    expect(await json(pending)).toMatchObject({ status: 'pending', progress: 0.25 });
    await api.db.copy.updateMany({ data: { nextAttemptAt: new Date(0) } });
    await makeCopy();
    const again = await post(uuid);
    expect(again.status).toBe(200);
    expect(await json(again)).toMatchObject({ status: 'ready', progress: 1, width: 640, height: 360, bytes: 10_000 });
  });

  it('refuses what browsers play, except with force', async () => {
    const uuid = await alert({ container: 'mp4', codec: 'h264' });
    const refused = await post(uuid);
    expect(refused.status).toBe(409);
    expect(await json(refused)).toMatchObject({ type: '/problems/copy-not-needed', video: '/a.mp4', source: null });
    expect((await copy(uuid)).status).toBe(404);
    expect((await post(uuid, { query: '?force=true' })).status).toBe(202);
    await makeCopy();
    expect((await post(uuid)).status).toBe(200);
    expect((await post(uuid, { query: '?force=maybe' })).status).toBe(422);
  });

  it('needs a processed alert, the scope operate and the alert’s store', async () => {
    const pending = await post(await alert({ status: 'pending' }));
    expect(pending.status).toBe(409);
    expect(await json(pending)).toMatchObject({ type: '/problems/copy-not-possible', status_now: 'pending' });
    const uuid = await alert();
    expect((await post(randomUUID())).status).toBe(404);
    expect((await post('x')).status).toBe(422);
    expect((await post(uuid, { key: await createKey(api.db, 'read') })).status).toBe(403);
    const other = makeKey();
    const sha256 = new Uint8Array(digest(other.secret));
    await addKey(api.db, {
      id: other.id,
      name: 'b',
      sha256,
      scopes: ['read', 'operate'],
      stores: ['b'],
      expiresAt: null,
    });
    expect((await post(uuid, { key: formatKey(other) })).status).toBe(404);
    expect((await copy(uuid, { key: formatKey(other) })).status).toBe(404);
    expect((await copy(uuid, { method: 'DELETE' })).headers.get('allow')).toContain('GET, POST');
    expect(await api.db.copy.count({ where: { alert: { uuid } } })).toBe(0);
  });
});

describe('GET /alerts/:uuid/copy', () => {
  it('sends the file, ranges of it, and 304', async () => {
    const uuid = await alert();
    await post(uuid);
    const bytes = await makeCopy();
    await api.db.$executeRaw`UPDATE copies SET last_used_at = now() - interval '1 hour'`;
    const whole = await copy(uuid);
    expect(whole.status).toBe(200);
    expect(Buffer.from(await whole.arrayBuffer()).equals(bytes)).toBe(true);
    const etag = whole.headers.get('etag') ?? '';
    expect(Object.fromEntries(whole.headers)).toMatchObject({
      ...{ 'content-type': 'video/mp4', 'accept-ranges': 'bytes', 'content-length': '10000' },
      'cache-control': 'private, max-age=31536000, immutable',
    });
    const part = await copy(uuid, { headers: { range: 'bytes=100-199' } });
    expect(part.status).toBe(206);
    expect(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(100, 200))).toBe(true);
    expect((await copy(uuid, { headers: { range: 'bytes=20000-' } })).status).toBe(416);
    expect((await copy(uuid, { headers: { 'if-none-match': etag } })).status).toBe(304);
    const head = await copy(uuid, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '10000']);
    // It is used.
    const { lastUsedAt } = await api.db.copy.findFirstOrThrow({ where: { alert: { uuid } } });
    expect(Date.now() - lastUsedAt.getTime()).toBeLessThan(1_800_000);
  });

  it('has the reason why there is none', async () => {
    const uuid = await alert();
    expect(await json(await copy(uuid))).toMatchObject({ status: 404, status_now: 'none', reason: 'disabled' });
    await post(uuid);
    await recordNoCopy(api.db, await claimed(), { reason: 'too_long', detail: 'the video has 700 s' });
    const none = await copy(uuid);
    expect(none.status).toBe(404);
    expect(await json(none)).toMatchObject({
      ...{ type: '/problems/copy-not-available', reason: 'too_long', detail: 'the video has 700 s' },
    });
    expect((await post(uuid)).status).toBe(202);
  });

  it('lets a copy be made again whose file is lost', async () => {
    const uuid = await alert();
    await post(uuid);
    const bytes = await makeCopy();
    await store.remove('copy', createHash('sha256').update(bytes).digest('hex'));
    const lost = await copy(uuid);
    expect(lost.status).toBe(202);
    expect(await json(lost)).toMatchObject({ status: 'pending', progress: 0 });
    await makeCopy(bytes);
    expect((await copy(uuid)).status).toBe(200);
  });
});

it('returns the state instead of the file, also of a copy that does not exist, if JSON is accepted', async () => {
  const uuid = await alert();
  const headers = { accept: 'application/json' };
  const none = await copy(uuid, { headers });
  expect([none.status, none.headers.get('vary')]).toEqual([200, expect.stringContaining('Accept')]);
  expect(await json(none)).toMatchObject({ status: 'none', reason: 'disabled', requested_at: null });
  await post(uuid);
  expect((await copy(uuid, { headers })).status).toBe(202);
  await recordNoCopy(api.db, await claimed(), { reason: 'too_long', detail: 'it lasts two days' });
  const failed = await json(await copy(uuid, { headers }));
  expect(failed).toMatchObject({ status: 'none', reason: 'too_long', detail: 'it lasts two days' });
});
