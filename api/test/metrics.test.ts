import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { recordRun } from '#backup/runs.ts';
import { startRedisServer } from '#test/harness/redis.ts';
import { startTcpProxy } from '#test/harness/tcp-proxy.ts';
import { ANONYMOUS, type Client, type Scope } from '../auth/client.ts';
import { newAlert, startTestApi, type TestApi } from './test-api.ts';

/** Returns the value of a series, or undefined if there is none. */
async function value(api: TestApi, series: string): Promise<number | undefined> {
  const response = await fetch(`${api.url}/metrics`);
  const line = (await response.text()).split('\n').find((text) => text.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}
const received = (api: TestApi, result: string) => value(api, `alerts_received_total{result="${result}"}`);

describe('GET /metrics', () => {
  let api: TestApi;
  beforeAll(async () => {
    api = await startTestApi();
  });
  afterAll(() => api.close());

  it('counts alerts by result, starting at 0', async () => {
    expect(await received(api, 'conflict')).toBe(0);
    const alert = newAlert();
    await api.post(alert);
    await api.post(alert);
    await api.post({ ...alert, store: 'another' });
    await api.post({ ...newAlert(), video: '/videos/x.exe' });
    await api.post('{');
    await api.post(newAlert(), { 'content-type': 'text/plain' });
    const counts = ['created', 'deferred', 'duplicate', 'conflict', 'rejected'].map((result) => received(api, result));
    expect(await Promise.all(counts)).toEqual([1, 0, 1, 1, 3]);
  });

  it('counts the alerts of a batch one by one', async () => {
    const before = await Promise.all([received(api, 'created'), received(api, 'rejected')]);
    const body = JSON.stringify({ alerts: [newAlert(), newAlert(), { ...newAlert(), timestamp: -1 }] });
    await fetch(`${api.url}/alerts/batch`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    const after = await Promise.all([received(api, 'created'), received(api, 'rejected')]);
    expect(after).toEqual([(before[0] ?? 0) + 2, (before[1] ?? 0) + 1]);
  });

  it('measures responses by route, without series for paths, uuids or unknown methods', async () => {
    const alert = newAlert({ store: 'store-in-no-label' });
    await api.post(alert);
    await fetch(`${api.url}/alerts/${alert.uuid}`);
    await fetch(`${api.url}/no/such/path`);
    await fetch(`${api.url}/queues/no/such`);
    await fetch(`${api.url}/alerts`, { method: 'PROPFIND' });
    const text = await (await fetch(`${api.url}/metrics`)).text();
    expect(text).toContain('http_request_duration_seconds_count{route="/alerts/:uuid",method="GET",status="200"} 1');
    expect(text).toContain('http_request_duration_seconds_count{route="none",method="GET",status="404"} 1');
    expect(text).toMatch(/http_request_duration_seconds_count\{route="\/queues",method="GET",status="\d+"\} 1/);
    expect(text).toContain('method="other",status="405"');
    for (const own of [alert.uuid, alert.store, alert.video, 'such', 'PROPFIND']) expect(text).not.toContain(own);
  });

  it('does not measure Prefer: wait', async () => {
    const alert = newAlert();
    await api.post(alert);
    const series = 'http_request_duration_seconds_count{route="/alerts/:uuid",method="GET",status="200"}';
    const before = await value(api, series);
    await fetch(`${api.url}/alerts/${alert.uuid}`, { headers: { prefer: 'wait=1' } });
    expect(await value(api, series)).toBe(before);
  });

  it('reports the age of the oldest unfinished alert, and the waiting jobs', async () => {
    const own = await startTestApi();
    await expect.poll(() => value(own, 'alerts_oldest_unfinished_seconds'), { timeout: 150_000 }).toBe(0);
    await own.close();
    await api.db.alert.updateMany({ data: { receivedAt: new Date(Date.now() - 60_000) } });
    await expect.poll(() => value(api, 'alerts_oldest_unfinished_seconds'), { timeout: 150_000 }).toBeGreaterThan(59);
    expect(await value(api, 'alerts_queue_jobs{state="waiting"}')).toBe(await api.db.alert.count());
    await api.db.alert.updateMany({ data: { notifiedAt: new Date() } });
    await expect.poll(() => value(api, 'alerts_oldest_unfinished_seconds'), { timeout: 150_000 }).toBe(0);
  });

  it('reports when the last backup and the last restore drill succeeded', async () => {
    const own = await startTestApi();
    const [backup, drill] = ['backup_last_success_timestamp_seconds', 'restore_drill_last_success_timestamp_seconds'];
    await recordRun(own.databaseUrl, { kind: 'backup', name: 'b', seconds: 1 });
    await expect.poll(() => value(own, backup), { timeout: 150_000 }).toBeGreaterThan(Date.now() / 1_000 - 600);
    expect(await value(own, drill)).toBeUndefined();
    await recordRun(own.databaseUrl, { kind: 'restore_drill', name: 'b', seconds: 1 });
    await expect.poll(() => value(own, drill), { timeout: 150_000 }).toBeGreaterThan(Date.now() / 1_000 - 600);
    await own.close();
  });

  it('omits values that it cannot read while the database does not respond', async () => {
    const proxy = await startTcpProxy(Number(new URL(api.databaseUrl).port));
    const url = new URL(api.databaseUrl);
    url.port = `${proxy.port}`;
    const frozen = await startTestApi({ databaseUrl: url.href });
    // Opens a connection, on which the next query waits until its timeout of 10 s.
    await fetch(`${frozen.url}/alerts`);
    await proxy.freeze();
    expect(await value(frozen, 'alerts_oldest_unfinished_seconds')).toBeUndefined();
    expect(await received(frozen, 'created')).toBe(0);
    await proxy.thaw();
    await frozen.close();
    await proxy.close();
  });

  it('requires the scope metrics', async () => {
    const client = (...scopes: Scope[]): Client => ({ ...ANONYMOUS, id: 'k', scopes: new Set(scopes) });
    const clients = new Map([
      ['reader', client('read', 'write', 'operate')],
      ['scraper', client('metrics')],
    ]);
    const keyed = await startTestApi({
      auth: { clientOf: async (req) => clients.get(req.get('authorization') ?? '') ?? ANONYMOUS },
    });
    const status = async (authorization?: string) =>
      (await fetch(`${keyed.url}/metrics`, { headers: authorization ? { authorization } : {} })).status;
    expect([await status(), await status('reader'), await status('scraper')]).toEqual([401, 403, 200]);
    await keyed.close();
  });
});

describe.skipIf(inject('redisUrl') === null)('GET /metrics with the queue on Redis', () => {
  it('reports the used and the maximum memory of Redis', async () => {
    const redis = await startRedisServer();
    const api = await startTestApi({ queueUrl: redis.url });
    await api.post(newAlert());
    expect(await value(api, 'queue_memory_bytes{kind="used"}')).toBeGreaterThan(100_000);
    expect(await value(api, 'queue_memory_bytes{kind="max"}')).toBe(0);
    expect(await value(api, 'alerts_queue_jobs{state="waiting"}')).toBe(1);
    await api.close();
    await redis.stop();
  });

  it('counts alerts without job as deferred, and omits the jobs of an unavailable queue', async () => {
    const redis = await startRedisServer();
    const api = await startTestApi({ queueUrl: redis.url });
    await redis.stop();
    expect((await api.post(newAlert())).status).toBe(202);
    expect(await received(api, 'deferred')).toBe(1);
    expect(await value(api, 'alerts_queue_jobs{state="waiting"}')).toBeUndefined();
    await api.close();
  });
});
