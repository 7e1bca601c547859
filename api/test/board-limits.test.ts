import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { json, POLL, startTestApi, type TestApi } from './test-api.ts';

// Bull Board on a queue with a backlog: what it reads is bounded, and it creates no jobs.

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
  const jobs = Array.from({ length: 300 }, () => ({ name: 'alert', data: {}, opts: { jobId: randomUUID() } }));
  await api.queue.bull().addBulk(jobs);
});
afterAll(() => api.close());

const read = async (query: string) => {
  const response = await fetch(`${api.url}/queues/api/queues?activeQueue=alerts&status=waiting&${query}`);
  return (await json(response)).queues[0];
};

describe('Bull Board', () => {
  it.each(['jobsPerPage=1000000', 'jobsPerPage=100&jobsPerPage=1000000', 'jobsPerPage=1e6'])(
    'shows at most 100 jobs per page: %s',
    async (query) => {
      const { jobs, pagination } = await read(`page=1&${query}`);
      expect(jobs).toHaveLength(100);
      expect(pagination).toMatchObject({ pageCount: 3, range: { start: 0, end: 99 } });
    },
  );

  it('shows every job on some page', async () => {
    const pages = await Promise.all([1, 2, 3].map((page) => read(`page=${page}&jobsPerPage=5000`)));
    const ids = pages.flatMap(({ jobs }) => jobs.map(({ id }: { id: string }) => id));
    expect(new Set(ids).size).toBe(300);
  });

  it('runs two reads at the same time, lets others wait, and rejects further ones', async () => {
    const get = api.queue.bull().getJobCounts;
    let running = 0;
    let most = 0;
    const releases: (() => void)[] = [];
    api.queue.bull().getJobCounts = async (...states) => {
      running += 1;
      most = Math.max(most, running);
      await new Promise<void>((resolve) => releases.push(resolve));
      running -= 1;
      return get.apply(api.queue.bull(), states);
    };
    const responses = Array.from({ length: 60 }, () => fetch(`${api.url}/queues/api/queues`));
    const rejected = responses.map((response) => response.then(({ status }) => status));
    let settled: number[] = [];
    for (const status of rejected) status.then((each) => settled.push(each));
    await expect.poll(() => settled.length, POLL).toBe(8);
    expect(settled).toEqual(Array(8).fill(429));
    settled = [];
    await expect
      .poll(() => {
        for (const release of releases.splice(0)) release();
        return settled.length;
      }, POLL)
      .toBe(52);
    expect([settled.every((status) => status === 200), most]).toEqual([true, 2]);
    api.queue.bull().getJobCounts = get;
  });

  it('shows the triggers of deliveries without any action', async () => {
    const { queues } = await json(await fetch(`${api.url}/queues/api/queues`));
    expect(queues).toMatchObject([
      { name: 'alerts', readOnlyMode: false },
      { name: 'deliveries', readOnlyMode: true },
    ]);
    for (const path of ['clean/failed', 'pause', 'retry/failed', `${randomUUID()}/retry`]) {
      const response = await fetch(`${api.url}/queues/api/queues/deliveries/${path}`, { method: 'PUT' });
      expect(response.status, path).toBe(405);
    }
  });

  it.each([
    ['POST', '/add', { name: 'alert', data: {}, options: { delay: 315_360_000_000 } }],
    ['PATCH', '/ID/delay', { delay: 315_360_000_000 }],
    ['PATCH', '/ID/update-data', { jobData: {} }],
    ['PATCH', '/ID/priority', { priority: 9 }],
  ])('neither adds nor changes jobs: %s %s', async (method, path, body) => {
    const [job] = await api.queue.bull().getWaiting(0, 0);
    const response = await fetch(`${api.url}/queues/api/queues/alerts${path.replace('ID', String(job?.id))}`, {
      method,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    expect(response.status).toBe(403);
    expect(await api.queue.bull().count()).toBe(300);
  });
});

describe('the cache', () => {
  it.each(['/queues', '/queues/api/queues', '/queues/nothing', '/nothing', '/alerts/none', '/alerts?limit=0'])(
    'may not share the response of %s',
    async (path) => {
      const response = await fetch(api.url + path);
      expect(response.headers.get('cache-control')).toMatch(/^private, no-(store|cache)$/);
    },
  );
});
