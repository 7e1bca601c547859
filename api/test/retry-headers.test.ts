import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { addPending, claim, markNotified, recordFailure, recordResolution } from '#prisma/alerts.ts';
import { warm } from '#test/harness/test-database.ts';
import { json, newAlert, POLL, startTestApi, type TestApi } from './test-api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

/** Ends the current round of attempts as failed and notified. */
async function fail(uuid: string): Promise<void> {
  const claimed = await claim(api.db, uuid);
  const lease = { uuid, claim: claimed.kind === 'claimed' ? claimed.alert.claims : 0 };
  await recordFailure(api.db, lease, { code: 'video_timeout', detail: 'slow' }, 5);
  await markNotified(api.db, lease);
}

async function createFailed(): Promise<string> {
  const { uuid } = newAlert();
  await addPending(api.db, { uuid, video: '/v/a.mp4', store: 'store-1', timestamp: 1, requestId: 'r' });
  await fail(uuid);
  return uuid;
}

const retry = (uuid: string, headers: Record<string, string> = {}) =>
  fetch(`${api.url}/alerts/${uuid}/retry`, { method: 'POST', headers });
const row = (uuid: string) => api.db.alert.findUniqueOrThrow({ where: { uuid } });
/** Returns the number of rounds that an operator started. */
const retries = async (uuid: string) => api.db.alertRound.count({ where: { alertId: (await row(uuid)).id } });
const etagOf = async (uuid: string) => (await fetch(`${api.url}/alerts/${uuid}`)).headers.get('etag') ?? '';

describe('POST /alerts/:uuid/retry without headers', () => {
  it('starts a round for each request after a failure', async () => {
    const uuid = await createFailed();
    for (let n = 1; n <= 3; n++) {
      expect((await retry(uuid)).status).toBe(202);
      await fail(uuid);
      expect(await retries(uuid)).toBe(n);
    }
  });

  it('has no ETag: it is not the one of the alert', async () => {
    expect((await retry(await createFailed())).headers.get('etag')).toBeNull();
  });
});

describe('Idempotency-Key', () => {
  it('replays the first response after the alert failed again or was processed, and starts no round', async () => {
    const uuid = await createFailed();
    const headers = { 'idempotency-key': 'click-1' };
    const first = await retry(uuid, headers);
    expect([first.status, first.headers.get('idempotency-replayed')]).toEqual([202, null]);
    const body = await first.text();
    expect(JSON.parse(body)).toMatchObject({ status: 'pending', dispatch: 'queued' });
    const expectReplay = async () => {
      const before = await row(uuid);
      const again = await retry(uuid, headers);
      expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([202, 'true']);
      expect([again.headers.get('location'), again.headers.get('retry-after')]).toEqual([`/alerts/${uuid}`, '1']);
      expect(await again.text()).toBe(body);
      expect(await row(uuid)).toEqual(before);
    };
    await expectReplay();
    await fail(uuid);
    await expectReplay();
    expect((await retry(uuid, { 'idempotency-key': 'click-2' })).headers.get('idempotency-replayed')).toBeNull();
    await claim(api.db, uuid);
    const resolution = { width: 16, height: 16, rotation: 0, codec: 'h264', container: 'mp4', duration: 1 };
    await recordResolution(api.db, { uuid, claim: 3 }, { ...resolution, resolution: '16x16' }, 0);
    await expectReplay();
    expect(await retries(uuid)).toBe(2);
  });

  it('starts one round for simultaneous requests', async () => {
    await warm(api.db, 10);
    const uuid = await createFailed();
    const headers = { 'idempotency-key': randomUUID() };
    const responses = await Promise.all(Array.from({ length: 8 }, () => retry(uuid, headers)));
    expect(responses.map(({ status }) => status)).toEqual(Array(8).fill(202));
    const replayed = responses.filter((response) => response.headers.get('idempotency-replayed') === 'true');
    expect(replayed).toHaveLength(7);
    await fail(uuid);
    await Promise.all(Array.from({ length: 8 }, () => retry(uuid, headers)));
    expect([await retries(uuid), (await row(uuid)).status]).toEqual([1, 'failed']);
  });

  it('replays the current state if the first response was not saved', async () => {
    const uuid = await createFailed();
    const headers = { 'idempotency-key': 'crashed' };
    await retry(uuid, headers);
    await api.db.retryKey.updateMany({ data: { response: null } });
    await fail(uuid);
    const again = await retry(uuid, headers);
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([202, 'true']);
    expect(await json(again)).toMatchObject({ uuid, status: 'failed', dispatch: 'deferred' });
    expect(await retries(uuid)).toBe(1);
  });

  it('belongs to one alert, and is not used up by a rejected request', async () => {
    const [uuid, other] = [await createFailed(), await createFailed()];
    const headers = { 'idempotency-key': 'shared' };
    expect((await retry(uuid)).status).toBe(202);
    expect((await retry(uuid, headers)).status).toBe(409);
    expect((await retry(other, headers)).headers.get('idempotency-replayed')).toBeNull();
    await fail(uuid);
    const later = await retry(uuid, headers);
    expect([later.status, later.headers.get('idempotency-replayed')]).toEqual([202, null]);
  });

  it('is kept for 24 hours, and deleted with its alert', async () => {
    const [uuid, other] = [await createFailed(), await createFailed()];
    const headers = { 'idempotency-key': 'yesterday' };
    const hoursAgo = (hours: number) =>
      api.db.retryKey.updateMany({ data: { createdAt: new Date(Date.now() - hours * 3_600_000) } });
    const keys = async () => (await api.db.retryKey.findMany()).map(({ key }) => key).sort();
    await retry(uuid, headers);
    await fail(uuid);
    await hoursAgo(23.9);
    expect((await retry(uuid, headers)).headers.get('idempotency-replayed')).toBe('true');
    await hoursAgo(24.1);
    const renewed = await retry(uuid, headers);
    expect([renewed.status, renewed.headers.get('idempotency-replayed')]).toEqual([202, null]);
    expect(await retries(uuid)).toBe(2);
    expect(await keys()).toEqual(['yesterday']);
    await hoursAgo(24.1);
    await retry(other, { 'idempotency-key': 'today' });
    expect(await keys()).toEqual(['today']);
    await api.db.alert.delete({ where: { uuid: other } });
    expect(await keys()).toEqual([]);
  });

  it.each(['', 'a b', 'ä', 'x'.repeat(256)])('is 422 for %j', async (key) => {
    const uuid = await createFailed();
    const response = await retry(uuid, { 'idempotency-key': key });
    expect(response.status).toBe(422);
    expect((await json(response)).errors).toMatchObject([{ pointer: '#/Idempotency-Key' }]);
    expect((await retry(uuid, { 'idempotency-key': '~'.repeat(255) })).status).toBe(202);
  });
});

describe('If-Match', () => {
  it('retries the alert in the known state only, and otherwise returns 412 with the current ETag', async () => {
    const uuid = await createFailed();
    const known = await etagOf(uuid);
    expect((await retry(uuid, { 'if-match': `"other", ${known}` })).status).toBe(202);
    await fail(uuid);
    for (const stale of [known, '"other"', 'x', `W/${await etagOf(uuid)}`]) {
      const response = await retry(uuid, { 'if-match': stale });
      expect([response.status, response.headers.get('etag')]).toEqual([412, await etagOf(uuid)]);
      expect(await json(response)).toMatchObject({ type: '/problems/precondition-failed' });
    }
    expect(await retries(uuid)).toBe(1);
    expect((await retry(uuid, { 'if-match': '*' })).status).toBe(202);
  });

  it('is 409 if the known state is not failed', async () => {
    const uuid = await createFailed();
    await retry(uuid);
    const responses = [await retry(uuid, { 'if-match': await etagOf(uuid) }), await retry(uuid, { 'if-match': '*' })];
    expect(responses.map(({ status }) => status)).toEqual([409, 409]);
  });

  it('lets one of simultaneous requests start a round', async () => {
    await warm(api.db, 10);
    const uuid = await createFailed();
    const headers = { 'if-match': await etagOf(uuid) };
    const responses = await Promise.all(Array.from({ length: 5 }, () => retry(uuid, headers)));
    expect(responses.map(({ status }) => status).sort()).toEqual([202, 412, 412, 412, 412]);
  });

  it('does not retry another failure than the one that it checked', async () => {
    const uuid = await createFailed();
    const headers = { 'if-match': await etagOf(uuid) };
    const other = new pg.Client({ connectionString: api.databaseUrl });
    await other.connect();
    onTestFinished(() => other.end());
    await other.query('BEGIN');
    await other.query('SELECT FROM alerts WHERE uuid = $1 FOR UPDATE', [uuid]);
    const response = retry(uuid, headers);
    const waiting = `SELECT count(*)::int AS n FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    await expect.poll(async () => (await other.query(waiting)).rows[0].n, POLL).toBe(1);
    // As if another operator had retried the alert after the check, and it had failed again.
    await other.query('UPDATE alerts SET claims = claims + 1, processed_at = now() WHERE uuid = $1', [uuid]);
    await other.query('COMMIT');
    expect((await response).status).toBe(412);
    expect(await row(uuid)).toMatchObject({ status: 'failed', claims: 2 });
  });

  it('does not matter for a repeated Idempotency-Key', async () => {
    const uuid = await createFailed();
    const headers = { 'idempotency-key': 'lost-response', 'if-match': await etagOf(uuid) };
    expect((await retry(uuid, headers)).status).toBe(202);
    await fail(uuid);
    const again = await retry(uuid, headers);
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([202, 'true']);
  });
});
