import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addPending, claim, markNotified, recordFailure } from '#prisma/alerts.ts';
import type { FailureCode } from '#prisma/generated/enums.ts';
import { consumeAlerts } from '#redis/queue.ts';
import { warm } from '#test/harness/test-database.ts';
import { json, newAlert, POLL, startTestApi, type TestApi } from './test-api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

/** Creates an alert that failed and was notified, with a failed job. */
async function createFailed(): Promise<string> {
  const { uuid } = newAlert();
  await api.post(newAlert({ uuid }));
  const consumer = consumeAlerts(
    api.databaseUrl,
    async (job) => {
      await claim(api.db, job.uuid);
      await recordFailure(api.db, { uuid: job.uuid, claim: 1 }, { code: 'video_timeout', detail: 'slow' }, 5);
      await markNotified(api.db, { uuid: job.uuid, claim: 1 });
      return { kind: 'failed', reason: 'video_timeout: slow' };
    },
    { concurrency: 1, onError: () => {} },
  );
  await expect.poll(() => api.queue.bull().getJobState(uuid), POLL).toBe('failed');
  await consumer.close(1_000);
  return uuid;
}

const retry = (uuid: string) => fetch(`${api.url}/alerts/${uuid}/retry`, { method: 'POST' });
const row = (uuid: string) => api.db.alert.findUniqueOrThrow({ where: { uuid } });

describe('POST /alerts/:uuid/retry', () => {
  it('makes a failed alert pending and enqueues its job', async () => {
    const uuid = await createFailed();
    const response = await retry(uuid);
    expect(response.status).toBe(202);
    expect(response.headers.get('location')).toBe(`/alerts/${uuid}`);
    expect(await json(response)).toMatchObject({
      uuid,
      status: 'pending',
      failure: null,
      attempts: 1,
      processed_at: null,
      notified_at: null,
      dispatch: 'queued',
    });
    expect(await row(uuid)).toMatchObject({ attempts: 1, attemptsBefore: 1, bytesFetched: 5n });
    expect(await api.queue.bull().getJobState(uuid)).toMatch(/^(waiting|prioritized)$/);
  });

  it('succeeds once for two simultaneous requests', async () => {
    const uuid = await createFailed();
    const statuses = await Promise.all([retry(uuid), retry(uuid)].map(async (response) => (await response).status));
    expect(statuses.sort()).toEqual([202, 409]);
  });

  it('is 409 with the status for an alert that has not failed', async () => {
    const { uuid } = newAlert();
    await api.post(newAlert({ uuid }));
    const response = await retry(uuid);
    expect(response.status).toBe(409);
    expect(await json(response)).toMatchObject({ type: '/problems/not-retryable', status_now: 'pending' });
  });

  it('is 404 for an unknown uuid and 422 for an invalid one', async () => {
    expect((await retry(randomUUID())).status).toBe(404);
    expect((await retry('12')).status).toBe(422);
  });
});

describe('POST /alerts/retry', () => {
  const bulkRetry = (body: unknown) =>
    fetch(`${api.url}/alerts/retry`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-request-id': 'bulk-retry-1' },
      body: JSON.stringify(body),
    });

  /** Creates failed rows of a new store, the oldest first. */
  async function failedRows(store: string, codes: FailureCode[]): Promise<string[]> {
    const uuids: string[] = [];
    for (const [index, code] of codes.entries()) {
      const { uuid } = newAlert();
      const receivedAt = new Date(Date.UTC(2026, 0, 1, index));
      await addPending(api.db, { uuid, video: '/v/a.mp4', store, timestamp: 1, requestId: 'r' });
      await claim(api.db, uuid);
      await recordFailure(api.db, { uuid, claim: 1 }, { code, detail: 'd' }, 0);
      await api.db.alert.update({ where: { uuid }, data: { receivedAt } });
      uuids.push(uuid);
    }
    return uuids;
  }

  it('reports by default only what it would retry', async () => {
    const uuids = await failedRows('dry', ['video_timeout', 'video_timeout', 'video_not_found']);
    const response = await bulkRetry({ filter: { store: 'dry', failure_code: 'video_timeout' } });
    expect(response.status).toBe(200);
    expect(await json(response)).toEqual({
      dry_run: true,
      matched: 2,
      selected: 2,
      retried: 0,
      dispatch: 'queued',
      sample: uuids.slice(0, 2),
    });
    expect(await row(uuids[0] ?? '')).toMatchObject({ status: 'failed' });
  });

  it('retries alerts by store, code and time, up to max, at the given rate', async () => {
    const uuids = await failedRows('wet', [...Array(4).fill('video_timeout'), 'video_not_found']);
    const filter = { store: 'wet', failure_code: 'video_timeout', from: '2026-01-01T01:00:00Z' };
    const response = await bulkRetry({ filter, max: 2, rate_per_s: 1, dry_run: false });
    expect(response.status).toBe(202);
    expect(await json(response)).toMatchObject({
      dry_run: false,
      matched: 3,
      selected: 2,
      retried: 2,
      dispatch: 'queued',
    });
    const states = await Promise.all(uuids.map(async (uuid) => (await row(uuid)).status));
    expect(states).toEqual(['failed', 'pending', 'pending', 'failed', 'failed']);
    const [first, second] = [uuids[1] ?? '', uuids[2] ?? ''];
    expect([await api.queue.bull().getJobState(first), await api.queue.bull().getJobState(second)].sort()).toEqual([
      'delayed',
      'waiting',
    ]);
    const logLine = api.logged.find(({ msg, filter: by }) => msg === 'alerts retried by filter' && by);
    expect(logLine).toMatchObject({
      requestId: 'bulk-retry-1',
      filter: { store: 'wet' },
      matched: 3,
      retried: 2,
      max: 2,
    });
  });

  it('keeps its rate in the rows while the queue is unavailable or full', async () => {
    for (const options of [{ queueUrl: 'redis://127.0.0.1:9' }, { maxDepth: 1 }]) {
      const deferring = await startTestApi({ ...options, databaseUrl: api.databaseUrl });
      const store = Object.keys(options).join();
      const uuids = await failedRows(store, ['video_timeout', 'video_timeout', 'video_timeout']);
      const response = await fetch(`${deferring.url}/alerts/retry`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ filter: { store }, rate_per_s: 2, dry_run: false }),
      });
      expect(await json(response)).toMatchObject({ retried: 3, dispatch: 'deferred' });
      const times = await Promise.all(uuids.map(async (uuid) => Number((await row(uuid)).nextAttemptAt)));
      expect(times.map((time) => time - (times[0] ?? 0))).toEqual([0, 500, 1_000]);
      const { depth } = await deferring.queue.usage().catch(() => ({ depth: 0 }));
      expect(depth).toBe('maxDepth' in options ? 1 : 0);
      await deferring.close();
    }
  });

  it('retries each alert once for simultaneous requests', async () => {
    await failedRows('twice', ['video_timeout', 'video_timeout']);
    const body = { filter: { store: 'twice' }, dry_run: false };
    await warm(api.db, 10);
    const both = await Promise.all([bulkRetry(body), bulkRetry(body)]);
    const retried = await Promise.all(both.map(async (response) => (await json(response)).retried));
    expect(retried[0] + retried[1]).toBe(2);
    expect(await json(await bulkRetry(body))).toMatchObject({ matched: 0, retried: 0 });
  });

  it.each([
    [{}, '#/filter'],
    [{ filter: { shop: 'x' } }, '#/filter/shop'],
    [{ filter: {}, max: 5_001 }, '#/max'],
    [{ filter: {}, rate_per_s: 0 }, '#/rate_per_s'],
    [{ filter: { from: 'noon' } }, '#/filter/from'],
  ])('rejects %j and names %s', async (body, pointer) => {
    const response = await bulkRetry(body);
    expect(response.status).toBe(422);
    expect((await json(response)).errors).toMatchObject([{ pointer }]);
  });
});

describe('retry on Bull Board', () => {
  const put = (path: string) => fetch(`${api.url}/queues/api/queues/alerts/${path}`, { method: 'PUT' });

  it('makes the row of one job pending again', async () => {
    const uuid = await createFailed();
    expect((await put(`${uuid}/retry`)).status).toBeLessThan(300);
    expect(await row(uuid)).toMatchObject({ status: 'pending', attemptsBefore: 1 });
    expect(await api.queue.bull().getJobState(uuid)).toMatch(/^(waiting|prioritized)$/);
  });

  it('makes the rows of all failed jobs pending again', async () => {
    const uuids = [await createFailed(), await createFailed()];
    expect((await put('retry/failed')).status).toBeLessThan(300);
    for (const uuid of uuids) {
      expect(await row(uuid)).toMatchObject({ status: 'pending', attemptsBefore: 1 });
      expect(await api.queue.bull().getJobState(uuid)).toMatch(/^(waiting|prioritized)$/);
    }
  });

  it('ignores jobs that an operator added with other ids', async () => {
    const ids = ['-'.repeat(36), 'one-more'];
    for (const jobId of ids) await api.queue.bull().add('alert', {}, { jobId });
    const uuid = await createFailed();
    const states = await Promise.all(ids.map((id) => api.queue.bull().getJobState(id)));
    expect(states).toEqual(['failed', 'failed']);
    expect((await put(`${ids[0]}/retry`)).status).toBeLessThan(300);
    expect((await put('retry/failed')).status).toBeLessThan(300);
    expect(await row(uuid)).toMatchObject({ status: 'pending', attemptsBefore: 1 });
  });
});
