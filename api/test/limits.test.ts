import { Agent, request } from 'node:http';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { validKeys } from '#prisma/keys.ts';
import { migrateQueue } from '#redis/migrate.ts';
import { type Limits, openLimits } from '#redis/rate-limit.ts';
import { startRedisServer } from '#test/harness/redis.ts';
import { keyIdOf } from '../auth/client.ts';
import { createKeyAuth } from '../auth/key-auth.ts';
import { createKeyCache } from '../auth/key-cache.ts';
import { createRateLimits, type RateLimitSettings } from '../http/rate-limit.ts';
import { keyOf } from './browser.ts';
import { eventually, json, newAlert, startTestApi, type TestApi } from './test-api.ts';

// Limits over two replicas, on the store that the queue has. What an address is, TRUST_PROXY decides.

type World = { apis: [TestApi, TestApi]; close(): Promise<void> };

async function replicas(url: string, settings: Partial<RateLimitSettings>, trustProxy = 0): Promise<World> {
  const shared: Limits[] = [];
  const open = async (databaseUrl?: string) => {
    const limits = openLimits(url, () => {});
    shared.push(limits);
    const of = createRateLimits(limits, { perKey: 0, perAddress: 0, failedKeys: 0, ...settings }, keyIdOf);
    return startTestApi({
      ...(databaseUrl === undefined ? {} : { databaseUrl }),
      auth: (db) =>
        createKeyAuth(
          createKeyCache(() => validKeys(db)),
          of.countInvalidKey,
        ),
      rateLimits: of,
      trustProxy,
    });
  };
  const one = await open();
  const two = await open(one.databaseUrl);
  return {
    apis: [one, two],
    async close() {
      await Promise.all([one.close(), two.close(), ...shared.map((limits) => limits.close())]);
    },
  };
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
    const own = await startTestApi();
    closing.push(own.close);
    await migrateQueue(own.databaseUrl);
    url = own.databaseUrl;
  });
  afterAll(async () => {
    for (const close of closing.reverse()) await close();
  });

  it.skipIf(missing)(
    'end a key over its limit with 429, Retry-After and the draft’s headers, on either replica',
    async () => {
      const { apis, close } = await replicas(url, { perKey: 6 });
      const [key, other] = [await keyOf(apis[0].db, 'read', 'write'), await keyOf(apis[0].db, 'read')];
      const ask = (n: number, shown = key) =>
        fetch(`${apis[n % 2]?.url}/alerts?limit=1`, { headers: { authorization: `Bearer ${shown}` } });
      const answers: Response[] = [];
      for (let n = 0; n < 9; n += 1) answers.push(await ask(n));
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200, 429, 429, 429]);
      expect(answers[0]?.headers.get('ratelimit-policy')).toMatch(/^"key"; q=6; w=60; pk=:/);
      expect(answers[2]?.headers.get('ratelimit')).toMatch(/^"key"; r=3; t=\d+$/);
      const refused = answers[6];
      expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(Number(refused?.headers.get('retry-after'))).toBeLessThanOrEqual(60);
      expect(refused?.headers.get('content-type')).toMatch(/^application\/problem\+json/);
      expect(refused && (await json(refused))).toMatchObject({ type: '/problems/too-many-requests', status: 429 });
      expect((await ask(0, other)).status).toBe(200);
      await close();
    },
  );

  it.skipIf(missing)(
    'count a batch as many times as it holds alerts, and take none of one that is too many',
    async () => {
      const { apis, close } = await replicas(url, { perKey: 10, perAddress: 16 });
      const [key, other] = [await keyOf(apis[0].db, 'read', 'write'), await keyOf(apis[0].db, 'write')];
      const send = (n: number, alerts: unknown[], shown = key) =>
        fetch(`${apis[n]?.url}/alerts/batch`, {
          method: 'POST',
          headers: { authorization: `Bearer ${shown}`, 'content-type': 'application/json' },
          body: JSON.stringify({ alerts }),
        });
      const four = () => Array.from({ length: 4 }, () => newAlert());
      const answers = [await send(0, four()), await send(1, four())];
      expect(answers.map(({ status }) => status)).toEqual([200, 200]);
      expect(answers.map(({ headers }) => headers.get('ratelimit')?.replaceAll(/t=\d+/g, 't'))).toEqual([
        '"address"; r=12; t, "key"; r=6; t',
        '"address"; r=8; t, "key"; r=2; t',
      ]);
      const refused = await send(0, four());
      expect(refused.status).toBe(429);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(await json(refused)).toMatchObject({
        detail: expect.stringMatching(/^More than 10 requests .+ key.+: 4 here/),
      });
      expect(await apis[0].db.alert.count()).toBe(8);
      // Refused, it was one request like any other.
      expect((await apis[0].post(newAlert(), { authorization: `Bearer ${key}` })).status).toBe(202);
      expect((await apis[0].post(newAlert(), { authorization: `Bearer ${key}` })).status).toBe(429);
      const elsewhere = await send(1, four(), other);
      expect(elsewhere.status).toBe(429);
      expect(await json(elsewhere)).toMatchObject({ detail: expect.stringContaining('for this address') });
      await close();
    },
  );

  it.skipIf(missing)('refuse bad keys of one address sooner, and never a good one', async () => {
    const { apis, close } = await replicas(url, { failedKeys: 4 });
    const good = await keyOf(apis[0].db, 'read');
    const ask = async (n: number, key: string) =>
      fetch(`${apis[n % 2]?.url}/alerts`, { headers: { authorization: `Bearer ${key}` } });
    const seen: number[] = [];
    for (let n = 0; n < 7; n += 1) seen.push((await ask(n, `va_0123456789_${'x'.repeat(43)}`)).status);
    expect(seen).toEqual([401, 401, 401, 401, 429, 429, 429]);
    expect(Number((await ask(0, 'va_bad')).headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await ask(0, good)).status).toBe(200);
    await close();
  });
});

describe('the address that is counted', () => {
  let base: TestApi;
  beforeAll(async () => {
    base = await startTestApi();
  });
  afterAll(() => base.close());
  const agent = new Agent();

  async function statuses(trustProxy: number, addresses: (string | undefined)[]): Promise<number[]> {
    // A database of its own, so a count of its own.
    const own = await startTestApi();
    const { apis, close } = await replicas(own.databaseUrl, { perAddress: 2 }, trustProxy);
    const seen: number[] = [];
    for (const address of addresses) {
      const headers = address === undefined ? {} : { 'x-forwarded-for': address };
      seen.push(
        await new Promise<number>((resolve, reject) => {
          const sent = request(`${apis[0].url}/openapi.json`, { headers, agent }, (answer) => {
            answer.resume();
            resolve(answer.statusCode ?? 0);
          });
          sent.on('error', reject).end();
        }),
      );
    }
    await close();
    await own.close();
    return seen;
  }

  it('is the peer with TRUST_PROXY=0, whatever X-Forwarded-For says', async () => {
    expect(await statuses(0, ['1.1.1.1', '2.2.2.2', '3.3.3.3', undefined])).toEqual([200, 200, 429, 429]);
  });

  it('is what the one proxy adds with TRUST_PROXY=1, whatever the caller put before it', async () => {
    const spoofed = ['6.6.6.6, 1.1.1.1', '7.7.7.7, 1.1.1.1', '8.8.8.8, 1.1.1.1', '2.2.2.2'];
    expect(await statuses(1, spoofed)).toEqual([200, 200, 429, 200]);
  });

  it('is of IPv6 the /64 network, and of IPv4 the same written either way', async () => {
    expect(
      await statuses(1, ['2001:db8:1:2::1', '2001:db8:1:2:ffff::9', '2001:db8:1:2::3', '2001:db8:1:3::1']),
    ).toEqual([200, 200, 429, 200]);
    expect(await statuses(1, ['2001:DB8:0:0::1', '2001:db8::2', '2001:db8::ffff:1.2.3.4', '::1'])).toEqual([
      200, 200, 429, 200,
    ]);
    expect(await statuses(1, ['9.9.9.9', '::ffff:9.9.9.9', '::ffff:909:909'])).toEqual([200, 200, 429]);
  });

  it('is not counted for /livez and /readyz: who watches the house may ask as often as it likes', async () => {
    const { apis, close } = await replicas(base.databaseUrl, { perAddress: 1 });
    for (let n = 0; n < 4; n += 1) expect((await fetch(`${apis[0].url}/livez`)).status).toBe(200);
    // It asks for a key, and keys are not tried without limit.
    const tries = [await fetch(`${apis[0].url}/metrics`), await fetch(`${apis[0].url}/metrics`)];
    expect(tries.map(({ status }) => status)).toEqual([401, 429]);
    await close();
  });
});

describe('a full queue', () => {
  it('answers 503 with Retry-After and stores nothing, but knows what it accepted before; then it takes alerts again', async () => {
    const api = await startTestApi({ maxDepth: 3 });
    const accepted = Array.from({ length: 3 }, () => newAlert());
    for (const alert of accepted) expect((await api.post(alert)).status).toBe(202);
    const late = newAlert();
    const refused = await api.post(late);
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await json(refused)).toMatchObject({ type: '/problems/queue-full', status: 503 });
    expect((await fetch(`${api.url}/alerts/${late.uuid}`)).status).toBe(404);
    expect((await api.post(accepted[0])).status).toBe(200);
    expect((await api.post({ ...accepted[0], store: 'other' })).status).toBe(409);
    await api.queue.bull().drain();
    await eventually(async () => (await api.post(late)).status === 202 || undefined);
    await api.close();
  });

  it('is noticed by a replica that added none of its jobs', async () => {
    const one = await startTestApi({ maxDepth: 2 });
    const two = await startTestApi({ databaseUrl: one.databaseUrl, queueUrl: one.databaseUrl, maxDepth: 2 });
    for (let n = 0; n < 2; n += 1) expect((await one.post(newAlert())).status).toBe(202);
    expect((await two.post(newAlert())).status).toBe(503);
    await two.close();
    await one.close();
  });

  it.each(['redis://127.0.0.1:9', 'postgres://u@127.0.0.1:9/x'])(
    'that does not answer is no full queue: alerts are accepted and sent later (%s)',
    async (queueUrl) => {
      const api = await startTestApi({ queueUrl, maxDepth: 1 });
      for (let n = 0; n < 3; n += 1) {
        const answer = await api.post(newAlert());
        expect(answer.status).toBe(202);
        expect((await json(answer)).dispatch).toBe('deferred');
      }
      await api.close();
    },
  );
});
