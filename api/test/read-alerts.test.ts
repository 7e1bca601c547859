import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { claim, markNotified, recordFailure, recordResolution, release } from '#prisma/alerts.ts';
import { claimPicture, pictureReady } from '#prisma/pictures.ts';
import { json, newAlert, POLL, startTestApi, type TestApi } from './test-api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

const get = (path: string, headers: Record<string, string> = {}) => fetch(api.url + path, { headers });

async function postAlert(changes: Record<string, unknown> = {}) {
  const alert = newAlert(changes);
  expect((await api.post(alert)).status).toBe(202);
  return alert;
}

const resolution = {
  resolution: '640x360',
  width: 640,
  height: 360,
  rotation: 0,
  codec: 'h264',
  container: 'mp4',
  duration: 3.04,
};

describe('GET /alerts/:uuid', () => {
  it('returns a pending alert with Retry-After', async () => {
    const alert = await postAlert();
    const response = await get(`/alerts/${alert.uuid.toUpperCase()}`);
    expect(response.status).toBe(200);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(response.headers.get('cache-control')).toBe('private, no-cache');
    expect(await json(response)).toMatchObject({ ...alert, status: 'pending', attempts: 0 });
  });

  it('shows the picture, with another ETag when it is ready', async () => {
    const alert = await postAlert();
    await claim(api.db, alert.uuid);
    const lease = { uuid: alert.uuid, claim: 1 };
    const { pictureOf } = await recordResolution(api.db, lease, resolution, 1, { status: 'pending' });
    await markNotified(api.db, lease);
    const pending = await get(`/alerts/${alert.uuid}`);
    expect((await json(pending)).picture).toMatchObject({ status: 'pending', reason: null, picture_bytes: 0 });
    const known = { 'if-none-match': pending.headers.get('etag') ?? '' };
    expect((await get(`/alerts/${alert.uuid}`, known)).status).toBe(304);
    const waited = get(`/alerts/${alert.uuid}`, { ...known, prefer: 'wait=60' });
    await expect.poll(() => api.longPoll.size, POLL).toBe(1);
    const claimed = await claimPicture(api.db, pictureOf ?? 0n, 60_000);
    const made = { sha256: Buffer.alloc(32, 1), width: 640, height: 360, bytes: 9 };
    await pictureReady(api.db, claimed ?? expect.unreachable(), made, 512);
    const ready = { status: 'ready', reason: null, detail: null, width: 640, height: 360, picture_bytes: 512 };
    expect((await json(await waited)).picture).toEqual(ready);
    expect((await json(await api.post(alert))).picture).toEqual(ready);
    expect((await json(await get('/alerts?limit=1'))).data[0].picture).toEqual(ready);
  });

  it('returns all fields of a processed alert', async () => {
    const alert = await postAlert();
    await claim(api.db, alert.uuid);
    await recordResolution(api.db, { uuid: alert.uuid, claim: 1 }, resolution, 65_536);
    await markNotified(api.db, { uuid: alert.uuid, claim: 1 });
    const response = await get(`/alerts/${alert.uuid}`);
    expect(response.headers.get('retry-after')).toBeNull();
    const instant = expect.stringMatching(/Z$/);
    expect(await json(response)).toEqual({
      ...alert,
      ...resolution,
      camera: null,
      source: null,
      status: 'processed',
      attempts: 1,
      bytes_fetched: 65_536,
      failure: null,
      last_error: null,
      next_attempt_at: null,
      late: null,
      picture: expect.objectContaining({ status: 'none', reason: 'disabled' }),
      hold: null,
      triage: null,
      archived: false,
      received_at: instant,
      round_started_at: instant,
      started_at: instant,
      processed_at: instant,
      notified_at: instant,
      links: { self: `/alerts/${alert.uuid}` },
    });
  });

  it.each([
    ['video_not_found', false],
    ['video_timeout', true],
  ] as const)('returns the failure %s with retryable: %s', async (code, retryable) => {
    const alert = await postAlert();
    await claim(api.db, alert.uuid);
    await recordFailure(api.db, { uuid: alert.uuid, claim: 1 }, { code, detail: 'why' }, 0);
    const body = await json(await get(`/alerts/${alert.uuid}`));
    expect(body).toMatchObject({ status: 'failed', resolution: null, failure: { code, detail: 'why', retryable } });
  });

  it('returns the cause and the next attempt while the alert waits for a retry', async () => {
    const { uuid } = await postAlert();
    await claim(api.db, uuid);
    const error = 'video_timeout: no byte\nfor 3 s';
    await release(api.db, { uuid, claim: 1 }, 0, { refund: false, error, delayMs: 60_000 });
    const instant = expect.stringMatching(/Z$/);
    const cause = { code: 'video_timeout', detail: 'no byte\nfor 3 s', at: instant };
    const alert = await json(await get(`/alerts/${uuid}`));
    expect(alert).toMatchObject({ status: 'pending', failure: null, last_error: cause, next_attempt_at: instant });
    const reason = 'video_timeout: no byte\nfor 3 s';
    const { next_attempt_at, received_at } = alert;
    expect(alert.late).toEqual({ since: received_at, reason, next_attempt_at });
    expect(Date.parse(`${alert.next_attempt_at}`) - Date.parse(`${alert.last_error.at}`)).toBe(60_000);
    expect(await json(await get(`/alerts/${uuid}/timeline`))).toMatchObject({ next_attempt_at: alert.next_attempt_at });
    await claim(api.db, uuid);
    expect(await json(await get(`/alerts/${uuid}`))).toMatchObject({
      ...{ last_error: cause, next_attempt_at: null, late: { reason, next_attempt_at: null } },
    });
    await recordResolution(api.db, { uuid, claim: 2 }, resolution, 0);
    expect(await json(await get(`/alerts/${uuid}`))).toMatchObject({
      last_error: null,
      next_attempt_at: null,
      late: null,
    });
  });

  it('has a strong ETag and returns 304 until the alert changes', async () => {
    const alert = await postAlert();
    const etag = (await get(`/alerts/${alert.uuid}`)).headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[^"]+"$/);
    const unchanged = await get(`/alerts/${alert.uuid}`, { 'if-none-match': etag });
    expect([unchanged.status, await unchanged.text(), unchanged.headers.get('etag')]).toEqual([304, '', etag]);
    await claim(api.db, alert.uuid);
    const changed = await get(`/alerts/${alert.uuid}`, { 'if-none-match': etag });
    expect(changed.status).toBe(200);
    expect(changed.headers.get('etag')).not.toBe(etag);
  });

  it('responds to HEAD', async () => {
    const alert = await postAlert();
    const response = await fetch(`${api.url}/alerts/${alert.uuid}`, { method: 'HEAD' });
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8']);
  });

  it('is 404 for an unknown uuid and 422 for an invalid one', async () => {
    expect((await get(`/alerts/${randomUUID()}`)).status).toBe(404);
    const malformed = await get('/alerts/12');
    expect(malformed.status).toBe(422);
    expect((await json(malformed)).errors).toMatchObject([{ pointer: '#/uuid' }]);
  });
});

describe('GET /alerts', () => {
  type Page = { data: { uuid: string; store: string; status: string }[]; next_cursor: string | null };
  const page = async (query: string): Promise<Page> => json(await get(`/alerts?${query}`));

  it('returns each alert once, newest first, by cursor and Link', async () => {
    const store = randomUUID();
    const created: string[] = [];
    for (let i = 0; i < 5; i += 1) created.unshift((await postAlert({ store })).uuid);
    const first = await get(`/alerts?store=${store}&limit=2`);
    const { data, next_cursor } = (await json(first)) as Page;
    expect(data.map(({ uuid }) => uuid)).toEqual(created.slice(0, 2));
    expect(first.headers.get('link')).toBe(`</alerts?store=${store}&limit=2&cursor=${next_cursor}>; rel="next"`);
    await postAlert({ store }); // first in the list: pages after the cursor do not move
    const second = await page(`store=${store}&limit=2&cursor=${next_cursor}`);
    const third = await page(`store=${store}&limit=2&cursor=${second.next_cursor}`);
    expect([...second.data, ...third.data].map(({ uuid }) => uuid)).toEqual(created.slice(2));
    expect(third.next_cursor).toBeNull();
  });

  it('filters by store, status and failure code', async () => {
    const store = `Müller & Söhne ${randomUUID()}`;
    const [failed] = [await postAlert({ store }), await postAlert({ store })];
    await claim(api.db, failed.uuid);
    const lease = { uuid: failed.uuid, claim: 1 };
    await recordFailure(api.db, lease, { code: 'no_video_stream', detail: 'audio' }, 0);
    const byStore = `store=${encodeURIComponent(store)}`;
    expect((await page(byStore)).data).toHaveLength(2);
    expect((await page(`${byStore}&status=failed`)).data).toMatchObject([{ uuid: failed.uuid, store }]);
    expect((await page(`${byStore}&failure_code=no_video_stream`)).data).toMatchObject([{ uuid: failed.uuid }]);
    expect((await page(`${byStore}&failure_code=video_timeout`)).data).toEqual([]);
    expect((await page(`${byStore}&status=processed`)).data).toEqual([]);
  });

  it('filters by camera, also in a search', async () => {
    const store = randomUUID();
    const [first, second] = [
      await postAlert({ store, camera: 'entrance & exit' }),
      await postAlert({ store, camera: 'till' }),
    ];
    await postAlert({ store });
    const camera = encodeURIComponent('entrance & exit');
    expect((await page(`store=${store}&camera=${camera}`)).data).toMatchObject([{ uuid: first.uuid }]);
    expect((await page(`q=${store}&camera=till`)).data).toMatchObject([{ uuid: second.uuid, camera: 'till' }]);
    expect((await page(`q=test_1.avi&store=${store}&camera=till`)).data).toMatchObject([{ uuid: second.uuid }]);
    expect((await page(`store=${store}&camera=none`)).data).toEqual([]);
  });

  it('filters by time of receipt: from inclusive, to exclusive, in any offset', async () => {
    const { uuid, store } = await postAlert({ store: randomUUID() });
    const row = await api.db.alert.findUniqueOrThrow({ where: { uuid } });
    const received = row.receivedAt.toISOString();
    const offset = new Date(row.receivedAt.getTime() + 7_200_000).toISOString().replace('Z', '%2B02:00');
    expect((await page(`store=${store}&from=${received}`)).data).toHaveLength(1);
    expect((await page(`store=${store}&from=${offset}`)).data).toHaveLength(1);
    expect((await page(`store=${store}&to=${received}`)).data).toHaveLength(0);
    const allTimes = 'from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59-23:59';
    expect((await page(`store=${store}&${allTimes}`)).data).toHaveLength(1);
  });

  it.each([
    ['limit=0', '#/limit'],
    ['limit=201', '#/limit'],
    ['limit=ten', '#/limit'],
    ['limit=1&limit=2', '#/limit'],
    ['camera=', '#/camera'],
    ['status=done', '#/status'],
    ['failure_code=oops', '#/failure_code'],
    ['from=yesterday', '#/from'],
    ['from=0000-12-31T23:59:59Z', '#/from'],
    ['to=0001-01-01T00:00:00%2B01:00', '#/to'],
    ['colour=red', '#/colour'],
    ['sort=store', '#/sort'],
    ['sort=', '#/sort'],
    ['sort=received_at&q=north', '#/sort'],
  ])('rejects ?%s and names %s', async (query, pointer) => {
    const response = await get(`/alerts?${query}`);
    expect(response.status).toBe(422);
    expect((await json(response)).errors).toMatchObject([{ pointer }]);
  });

  it.each(['x', Buffer.from('1.2; DROP TABLE alerts').toString('base64url'), ''])(
    'rejects the cursor %j with 400',
    async (cursor) => {
      const response = await get(`/alerts?cursor=${cursor}`);
      expect([response.status, (await json(response)).type]).toEqual([400, '/problems/bad-cursor']);
    },
  );
});
