// Over 250 lines: the limits of requests and of the queue share the replicas and their settings.
import { randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { validKeys } from '#prisma/keys.ts';
import { openRateLimiters, type RateLimiters } from '#redis/rate-limit.ts';
import { startRedisServer } from '#test/harness/redis.ts';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { keyIdOf } from '../auth/client.ts';
import { createKeyAuth } from '../auth/key-auth.ts';
import { createKeyCache } from '../auth/key-cache.ts';
import { createRateLimits, type RateLimitSettings } from '../http/rate-limit.ts';
import { createKey } from './browser.ts';
import { json, newAlert, POLL, startTestApi, type TestApi } from './test-api.ts';

// Limits over two replicas, counted on both backends. TRUST_PROXY decides what the client's address is.

type Replicas = { apis: [TestApi, TestApi]; close(): Promise<void> };

type Settings = Partial<RateLimitSettings>;

/** Starts an api that counts in the store at `url`. Its limiters are added to `shared`, which the caller closes. */
function startLimitedApi(
  url: string,
  settings: Settings,
  { shared, ...options }: { shared: RateLimiters[]; databaseUrl?: string; trustProxy?: number },
): Promise<TestApi> {
  const limits = openRateLimiters(url, () => {});
  shared.push(limits);
  const rateLimits = createRateLimits(limits, { perKey: 0, perAddress: 0, failedKeys: 0, ...settings }, keyIdOf);
  return startTestApi({
    ...options,
    auth: (db) =>
      createKeyAuth(
        createKeyCache(() => validKeys(db)),
        rateLimits.countInvalidKey,
      ),
    rateLimits,
  });
}

async function replicas(url: string, settings: Settings): Promise<Replicas> {
  const shared: RateLimiters[] = [];
  const one = await startLimitedApi(url, settings, { shared });
  const two = await startLimitedApi(url, settings, { shared, databaseUrl: one.databaseUrl });
  await waitUntilShared(shared);
  return {
    apis: [one, two],
    async close() {
      await Promise.all([one.close(), two.close(), ...shared.map((limits) => limits.close())]);
    },
  };
}

/** Until its connection is open, a busy machine may count per process. */
async function waitUntilShared(all: RateLimiters[]): Promise<void> {
  const limiters = all.map((limiters) => limiters.create('warm-up', 20, 60_000));
  const counts = async () => {
    const key = randomUUID();
    const usages = [];
    for (const limiter of limiters) usages.push(await limiter.consume(key));
    return usages.map(({ consumed }) => consumed);
  };
  await expect.poll(counts, POLL).toEqual(limiters.map((_, n) => n + 1));
}

const STORES = [
  { store: 'PostgreSQL', missing: false },
  { store: 'Redis', missing: inject('redisCommand') === null },
];

describe.each(STORES)('limits shared through $store', ({ store, missing }) => {
  let url: string;
  const closing: (() => Promise<unknown>)[] = [];
  beforeAll(async () => {
    if (store === 'Redis') {
      if (missing) return;
      const redis = await startRedisServer({ command: inject('redisCommand') ?? undefined });
      closing.push(redis.stop);
      url = redis.url;
      return;
    }
    const own = await createTestDatabase({ queue: true });
    closing.push(own.drop);
    url = own.url;
  });
  afterAll(async () => {
    for (const close of closing.reverse()) await close();
  });

  it.skipIf(missing)(
    'reject a key over its limit with 429, Retry-After and the draft’s headers, on both replicas',
    async () => {
      const { apis, close } = await replicas(url, { perKey: 6 });
      const [key, other] = [await createKey(apis[0].db, 'read', 'write'), await createKey(apis[0].db, 'read')];
      const send = (n: number, shown = key) =>
        fetch(`${apis[n % 2]?.url}/alerts?limit=1`, { headers: { authorization: `Bearer ${shown}` } });
      const responses: Response[] = [];
      for (let n = 0; n < 9; n += 1) responses.push(await send(n));
      expect(responses.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200, 429, 429, 429]);
      expect(responses[0]?.headers.get('ratelimit-policy')).toMatch(/^"key"; q=6; w=60; pk=:/);
      expect(responses[2]?.headers.get('ratelimit')).toMatch(/^"key"; r=3; t=\d+$/);
      const rejected = responses[6];
      expect(Number(rejected?.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(Number(rejected?.headers.get('retry-after'))).toBeLessThanOrEqual(60);
      expect(rejected?.headers.get('content-type')).toMatch(/^application\/problem\+json/);
      expect(rejected && (await json(rejected))).toMatchObject({ type: '/problems/too-many-requests', status: 429 });
      expect((await send(0, other)).status).toBe(200);
      await close();
    },
  );

  it.skipIf(missing)('count each alert of a batch, and accept no part of a batch over the limit', async () => {
    const { apis, close } = await replicas(url, { perKey: 10, perAddress: 16 });
    const [key, other] = [await createKey(apis[0].db, 'read', 'write'), await createKey(apis[0].db, 'write')];
    const send = (n: number, alerts: unknown[], shown = key) =>
      fetch(`${apis[n]?.url}/alerts/batch`, {
        method: 'POST',
        headers: { authorization: `Bearer ${shown}`, 'content-type': 'application/json' },
        body: JSON.stringify({ alerts }),
      });
    const four = () => Array.from({ length: 4 }, () => newAlert());
    const responses = [await send(0, four()), await send(1, four())];
    expect(responses.map(({ status }) => status)).toEqual([200, 200]);
    expect(responses.map(({ headers }) => headers.get('ratelimit')?.replaceAll(/t=\d+/g, 't'))).toEqual([
      '"address"; r=12; t, "key"; r=6; t',
      '"address"; r=8; t, "key"; r=2; t',
    ]);
    const rejected = await send(0, four());
    expect(rejected.status).toBe(429);
    expect(Number(rejected.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await json(rejected)).toMatchObject({
      detail: expect.stringMatching(/^More than 10 requests .+ key.+: 4 here/),
    });
    expect(await apis[0].db.alert.count()).toBe(8);
    // The rejected batch counted as one request.
    expect((await apis[0].post(newAlert(), { authorization: `Bearer ${key}` })).status).toBe(202);
    expect((await apis[0].post(newAlert(), { authorization: `Bearer ${key}` })).status).toBe(429);
    const byOtherKey = await send(1, four(), other);
    expect(byOtherKey.status).toBe(429);
    expect(await json(byOtherKey)).toMatchObject({ detail: expect.stringContaining('for this address') });
    await close();
  });

  it.skipIf(missing)('reject invalid keys of one address earlier, and never a valid one', async () => {
    const { apis, close } = await replicas(url, { failedKeys: 4 });
    const validKey = await createKey(apis[0].db, 'read');
    const send = async (n: number, key: string) =>
      fetch(`${apis[n % 2]?.url}/alerts`, { headers: { authorization: `Bearer ${key}` } });
    const seen: number[] = [];
    for (let n = 0; n < 7; n += 1) seen.push((await send(n, `va_0123456789_${'x'.repeat(43)}`)).status);
    expect(seen).toEqual([401, 401, 401, 401, 429, 429, 429]);
    expect(Number((await send(0, 'va_bad')).headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await send(0, validKey)).status).toBe(200);
    await close();
  });
});

describe('the address of a client', () => {
  const agent = new Agent();

  /** Starts an api that counts in a database of its own, where there are no counts yet. */
  async function start(settings: Settings, trustProxy = 0) {
    const counts = await createTestDatabase({ queue: true });
    const shared: RateLimiters[] = [];
    const api = await startLimitedApi(counts.url, settings, { shared, trustProxy });
    shared.push(openRateLimiters(counts.url, () => {})); // the other one to share with
    await waitUntilShared(shared);
    const close = async () => {
      await Promise.all([api.close(), ...shared.map((limits) => limits.close())]);
      await counts.drop();
    };
    return { url: api.url, close };
  }

  async function statuses(trustProxy: number, addresses: (string | undefined)[]): Promise<number[]> {
    const { url, close } = await start({ perAddress: 2 }, trustProxy);
    const seen: number[] = [];
    for (const address of addresses) {
      const headers = address === undefined ? {} : { 'x-forwarded-for': address };
      seen.push(
        await new Promise<number>((resolve, reject) => {
          const sent = request(`${url}/openapi.json`, { headers, agent }, (response) => {
            response.resume();
            resolve(response.statusCode ?? 0);
          });
          sent.on('error', reject).end();
        }),
      );
    }
    await close();
    return seen;
  }

  it('is the peer with TRUST_PROXY=0, independent of X-Forwarded-For', async () => {
    expect(await statuses(0, ['1.1.1.1', '2.2.2.2', '3.3.3.3', undefined])).toEqual([200, 200, 429, 429]);
  });

  it('is the address that the proxy added with TRUST_PROXY=1, independent of what the client sent', async () => {
    const spoofed = ['6.6.6.6, 1.1.1.1', '7.7.7.7, 1.1.1.1', '8.8.8.8, 1.1.1.1', '2.2.2.2'];
    expect(await statuses(1, spoofed)).toEqual([200, 200, 429, 200]);
  });

  it('is counted by its /64 network for IPv6, and by its IPv4 address if it is IPv4-mapped', async () => {
    expect(
      await statuses(1, ['2001:db8:1:2::1', '2001:db8:1:2:ffff::9', '2001:db8:1:2::3', '2001:db8:1:3::1']),
    ).toEqual([200, 200, 429, 200]);
    expect(await statuses(1, ['2001:DB8:0:0::1', '2001:db8::2', '2001:db8::ffff:1.2.3.4', '::1'])).toEqual([
      200, 200, 429, 200,
    ]);
    expect(await statuses(1, ['9.9.9.9', '::ffff:9.9.9.9', '::ffff:909:909'])).toEqual([200, 200, 429]);
  });

  it('is not counted for /livez and /readyz', async () => {
    const { url, close } = await start({ perAddress: 1 });
    for (let n = 0; n < 4; n += 1) expect((await fetch(`${url}/livez`)).status).toBe(200);
    // /metrics needs a key, and attempts to guess keys are limited.
    const tries = [await fetch(`${url}/metrics`), await fetch(`${url}/metrics`)];
    expect(tries.map(({ status }) => status)).toEqual([401, 429]);
    await close();
  });
});

describe('a full queue', () => {
  it('returns 503 with Retry-After for new alerts only, until jobs are done', async () => {
    const api = await startTestApi({ maxDepth: 3 });
    const accepted = Array.from({ length: 3 }, () => newAlert());
    for (const alert of accepted) expect((await api.post(alert)).status).toBe(202);
    const late = newAlert();
    const rejected = await api.post(late);
    expect(rejected.status).toBe(503);
    expect(Number(rejected.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await json(rejected)).toMatchObject({ type: '/problems/queue-full', status: 503 });
    expect((await fetch(`${api.url}/alerts/${late.uuid}`)).status).toBe(404);
    expect((await api.post(accepted[0])).status).toBe(200);
    expect((await api.post({ ...accepted[0], store: 'other' })).status).toBe(409);
    await api.queue.bull().drain();
    // 200 if the response to the request that stored it was a 503: the database was too slow.
    await expect.poll(async () => (await api.post(late)).status, POLL).toBeLessThan(300);
    await api.close();
  });

  it('is detected by a replica that added none of its jobs', async () => {
    const one = await startTestApi({ maxDepth: 2 });
    const two = await startTestApi({ databaseUrl: one.databaseUrl, queueUrl: one.databaseUrl, maxDepth: 2 });
    for (let n = 0; n < 2; n += 1) expect((await one.post(newAlert())).status).toBe(202);
    expect((await two.post(newAlert())).status).toBe(503);
    await two.close();
    await one.close();
  });

  it.skipIf(inject('redisCommand') === null)('is also one that uses 90 % of the memory of Redis', async () => {
    const redis = await startRedisServer();
    const used = Number(/used_memory:(\d+)/.exec(await redis.send('INFO memory'))?.[1]);
    await redis.send(`CONFIG SET maxmemory ${used + 50_000_000}`);
    const api = await startTestApi({ queueUrl: redis.url });
    expect((await api.post(newAlert())).status).toBe(202);
    await redis.send(`CONFIG SET maxmemory ${used}`);
    const rejected = async () => (await api.post(newAlert())).status;
    await expect.poll(rejected, POLL).toBe(503);
    await redis.send(`CONFIG SET maxmemory ${used + 50_000_000}`);
    await expect.poll(rejected, POLL).toBe(202);
    await api.close();
    await redis.stop();
  });

  it.each(['redis://127.0.0.1:9', 'postgres://u@127.0.0.1:9/x'])(
    'that does not response is no full queue: alerts are accepted and sent later (%s)',
    async (queueUrl) => {
      const api = await startTestApi({ queueUrl, maxDepth: 1 });
      for (let n = 0; n < 3; n += 1) {
        const response = await api.post(newAlert());
        expect(response.status).toBe(202);
        expect((await json(response)).dispatch).toBe('deferred');
      }
      await api.close();
    },
  );
});
