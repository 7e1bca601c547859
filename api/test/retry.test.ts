import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { claim, markNotified, recordFailure } from '#prisma/alerts.ts';
import { consumeAlerts } from '#redis/queue.ts';
import { eventually, json, newAlert, startTestApi, type TestApi } from './test-api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

/** An alert that failed and was told, its job kept among the failed. */
async function failed(): Promise<string> {
  const { uuid } = newAlert();
  await api.post(newAlert({ uuid }));
  const consumer = consumeAlerts(
    api.databaseUrl,
    async (job) => {
      await claim(api.db, job.uuid);
      await recordFailure(api.db, { uuid: job.uuid, attempt: 1 }, { code: 'video_timeout', detail: 'slow' }, 5);
      await markNotified(api.db, job.uuid);
      return { kind: 'failed', reason: 'video_timeout: slow' };
    },
    { concurrency: 1, onError: () => {} },
  );
  await eventually(async () => ((await api.queue.bull().getJobState(uuid)) === 'failed' ? true : undefined));
  await consumer.close(1_000);
  return uuid;
}

const retry = (uuid: string) => fetch(`${api.url}/alerts/${uuid}/retry`, { method: 'POST' });
const row = (uuid: string) => api.db.alert.findUniqueOrThrow({ where: { uuid } });

describe('POST /alerts/:uuid/retry', () => {
  it('gives a failed alert a new round and a job', async () => {
    const uuid = await failed();
    const answer = await retry(uuid);
    expect(answer.status).toBe(202);
    expect(answer.headers.get('location')).toBe(`/alerts/${uuid}`);
    expect(await json(answer)).toMatchObject({
      uuid,
      status: 'pending',
      failure: null,
      attempts: 1,
      processed_at: null,
      notified_at: null,
      dispatch: 'queued',
    });
    expect(await row(uuid)).toMatchObject({ attempts: 1, attemptsBefore: 1, bytesFetched: 5n });
    expect(await api.queue.bull().getJobState(uuid)).toBe('waiting');
  });

  it('twice at once starts one round', async () => {
    const uuid = await failed();
    const statuses = await Promise.all([retry(uuid), retry(uuid)].map(async (answer) => (await answer).status));
    expect(statuses.sort()).toEqual([202, 409]);
  });

  it('is 409 for an alert that has not failed, telling its state', async () => {
    const { uuid } = newAlert();
    await api.post(newAlert({ uuid }));
    const answer = await retry(uuid);
    expect(answer.status).toBe(409);
    expect(await json(answer)).toMatchObject({ type: '/problems/not-retryable', status_now: 'pending' });
  });

  it('is 404 for an unknown uuid and 422 for none', async () => {
    expect((await retry(randomUUID())).status).toBe(404);
    expect((await retry('12')).status).toBe(422);
  });
});

describe('retry on Bull Board', () => {
  const put = (path: string) => fetch(`${api.url}/queues/api/queues/alerts/${path}`, { method: 'PUT' });

  it('makes the row of one job pending again', async () => {
    const uuid = await failed();
    expect((await put(`${uuid}/retry`)).status).toBeLessThan(300);
    expect(await row(uuid)).toMatchObject({ status: 'pending', attemptsBefore: 1 });
    expect(await api.queue.bull().getJobState(uuid)).toBe('waiting');
  });

  it('makes the rows of all failed jobs pending again', async () => {
    const uuids = [await failed(), await failed()];
    expect((await put('retry/failed')).status).toBeLessThan(300);
    for (const uuid of uuids) {
      expect(await row(uuid)).toMatchObject({ status: 'pending', attemptsBefore: 1 });
      expect(await api.queue.bull().getJobState(uuid)).toBe('waiting');
    }
  });
});
