import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { claim, markNotified, recordFailure, recordResolution } from '#prisma/alerts.ts';
import { send } from '../destinations/test/destination-client.ts';
import { archiveAndRestore } from './archived-alerts.ts';
import { openEvents } from './event-reader.ts';
import { newAlert, POLL, startTestApi, type TestApi } from './test-api.ts';

const RESOLUTION = {
  ...{ resolution: '2x1', width: 2, height: 1, rotation: 0 },
  ...{ codec: 'h264', container: 'mp4', duration: 1 },
};
const STORE = 'archived-store';

let api: TestApi;
const processed = newAlert({ store: STORE });
const failed = newAlert({ store: STORE });
const uuids = [failed.uuid, processed.uuid];
/** The responses before the alerts were archived. */
const before = new Map<string, { etag: string | null; body: Record<string, unknown> }>();
let restored = 0;

beforeAll(async () => {
  api = await startTestApi();
  await api.post(processed);
  await api.post(failed);
  for (const uuid of uuids) await claim(api.db, uuid);
  await recordResolution(api.db, { uuid: processed.uuid, claim: 1 }, RESOLUTION, 5);
  await recordFailure(api.db, { uuid: failed.uuid, claim: 1 }, { code: 'video_timeout', detail: 'slow' }, 5);
  for (const uuid of uuids) await markNotified(api.db, { uuid, claim: 1 });
  for (const uuid of uuids) {
    const { headers, body } = await get(`/alerts/${uuid}`);
    before.set(uuid, { etag: headers.get('etag'), body });
  }
  restored = await archiveAndRestore(api.db, uuids);
});
afterAll(() => api.close());

const get = (path: string) => send(api, 'GET', path);
const retry = (uuid: string, headers = {}) => send(api, 'POST', `/alerts/${uuid}/retry`, undefined, headers);

describe('an alert that was restored from the archive', () => {
  it('has all fields that it had, and archived: true', async () => {
    expect(restored).toBe(2);
    for (const [uuid, { etag, body }] of before) {
      expect(body.archived).toBe(false);
      const after = await get(`/alerts/${uuid}`);
      const picture = body.status === 'processed' ? expect.objectContaining({ reason: 'not_archived' }) : null;
      expect(after.body).toEqual({ ...body, archived: true, picture });
      expect(after.headers.get('etag')).not.toBe(etag);
      expect((await get(`/alerts/${uuid}/timeline`)).status).toBe(200);
    }
  });

  it.each([
    ['store', `store=${STORE}`, [processed.uuid, failed.uuid]],
    ['status', `store=${STORE}&status=failed`, [failed.uuid]],
    ['uuid', `q=${processed.uuid}`, [processed.uuid]],
  ])('is listed by its %s, with archived: true', async (_by, query, expected) => {
    const { data } = (await get(`/alerts?${query}`)).body;
    expect(data.map(({ uuid }: { uuid: string }) => uuid).toSorted()).toEqual(expected.toSorted());
    expect(data.map(({ archived }: { archived: boolean }) => archived)).toEqual(expected.map(() => true));
  });

  it('cannot be retried, whatever its status is', async () => {
    for (const uuid of uuids) {
      const { status, body } = await retry(uuid);
      expect({ status, type: body.type }).toEqual({ status: 409, type: '/problems/alert-archived' });
      expect(body.detail).toMatch(/^The alert was restored from the archive/);
    }
    const ofOtherState = { 'If-Match': before.get(failed.uuid)?.etag ?? '' };
    expect((await retry(failed.uuid, ofOtherState)).status).toBe(412);
    const current = (await get(`/alerts/${failed.uuid}`)).headers.get('etag') ?? '';
    expect((await retry(failed.uuid, { 'If-Match': current, 'Idempotency-Key': 'k' })).status).toBe(409);
    const bulk = { filter: { store: STORE }, dry_run: false };
    expect((await send(api, 'POST', '/alerts/retry', bulk)).body).toMatchObject({ matched: 0, retried: 0 });
    expect((await get(`/alerts/${failed.uuid}`)).body).toMatchObject({ status: 'failed', attempts: 1 });
  });

  it('is counted apart from the failures that can be retried', async () => {
    const { failures } = (await get(`/alerts/statistics?store=${STORE}`)).body;
    expect(failures).toMatchObject([{ code: 'video_timeout', count: 1, archived: 1 }]);
  });

  it('is not processed again when it is posted again', async () => {
    const { status, body } = await send(api, 'POST', '/alerts', failed);
    expect(status).toBe(200);
    expect(body).toMatchObject({ status: 'failed', archived: true });
  });

  it('can be held', async () => {
    const { body } = await send(api, 'PUT', `/alerts/${processed.uuid}/hold`, { reason: 'case 7' });
    expect(body).toMatchObject({ archived: true, hold: { reason: 'case 7' } });
    expect((await get('/alerts?held=true')).body.data).toMatchObject([{ uuid: processed.uuid, archived: true }]);
  });

  it('appears in no event stream', async () => {
    const own = newAlert();
    const reader = await openEvents(`${api.url}/alerts/events`);
    await expect.poll(() => reader.lastId(), POLL).toBeTruthy();
    await archiveAndRestore(api.db, [failed.uuid]);
    expect((await get(`/alerts/${failed.uuid}`)).body.archived).toBe(true);
    await api.post(own);
    expect((await reader.next()).data).toMatchObject({ uuid: own.uuid, archived: false });
    reader.close();
  });
});
