import { describe, expect, it } from 'vitest';
import { openRateLimiters, type RateLimiters } from '../rate-limit.ts';
import { STORE_TIMEOUT_MS } from '../rate-limit-store.ts';
import { BACKENDS, openBackend, type TestBackend } from './queue-fixture.ts';

// Several processes that share a store are several RateLimiters here.

const logged: string[] = [];
type Test = Parameters<typeof openBackend>[1];

function open(backend: TestBackend, test: Test): RateLimiters {
  const limiters = openRateLimiters(backend.url, (line) => logged.push(line));
  test.onTestFinished(() => limiters.close());
  return limiters;
}

describe.each(BACKENDS)('rate limits on $name', ({ name, missing }) => {
  it.skipIf(missing)('two processes together allow exactly the limit, for each of two keys', async (test) => {
    const backend = await openBackend(name, test);
    const limiters = [open(backend, test), open(backend, test)].map((each) => each.create('x', 20, 60_000));
    const allowed = { a: 0, b: 0 };
    for (let n = 0; n < 60; n += 1) {
      for (const key of ['a', 'b'] as const) {
        const usage = await limiters[n % 2]?.consume(key);
        if (usage && usage.consumed <= 20) allowed[key] += 1;
      }
    }
    expect(allowed).toEqual({ a: 20, b: 20 });
  });

  it.skipIf(missing)('concurrent requests never exceed the limit, and at most 0.5 % is held back', async (test) => {
    const backend = await openBackend(name, test);
    const limiters = [1, 2, 3].map(() => open(backend, test).create('x', 2_000, 60_000));
    const usages = await Promise.all(Array.from({ length: 6_000 }, (_, n) => limiters[n % 3]?.consume('a')));
    const allowed = usages.filter((usage) => usage && usage.consumed <= 2_000).length;
    expect(allowed).toBeLessThanOrEqual(2_000);
    expect(allowed).toBeGreaterThanOrEqual(2_000 - 2 * 10);
  });

  it.skipIf(missing)('several points are consumed together or not at all', async (test) => {
    const backend = await openBackend(name, test);
    const [one, two] = [open(backend, test), open(backend, test)].map((each) => each.create('x', 2_000, 60_000));
    const consume = async (limiter = one, points = 1, key = 'a') =>
      (await limiter?.consume(key, points))?.consumed ?? 0;
    expect([await consume(), await consume(), await consume(one, 7), await consume(one, 500), await consume()]).toEqual(
      [1, 2, 9, 509, 510],
    );
    expect(await consume(two, 1_400)).toBe(1_910);
    expect(await consume(one, 500)).toBeGreaterThan(2_000);
    let remaining = 0;
    while ((await consume()) <= 2_000) remaining += 1;
    expect(remaining).toBe(90);
    expect([await consume(two, 2_001, 'b'), await consume(one, 2_000, 'b')]).toEqual([2_001, 2_000]);
  });

  it.skipIf(missing)('concurrent requests of all sizes never exceed the limit', async (test) => {
    const backend = await openBackend(name, test);
    const limiters = [open(backend, test), open(backend, test)].map((each) => each.create('x', 2_000, 60_000));
    const sizes = Array.from({ length: 600 }, (_, n) => 1 + (n % 20));
    const usages = await Promise.all(sizes.map((size, n) => limiters[n % 2]?.consume('a', size)));
    const allowed = sizes.filter((_, n) => (usages[n]?.consumed ?? 0) <= 2_000).reduce((sum, size) => sum + size, 0);
    expect(allowed).toBeLessThanOrEqual(2_000);
    // Each process may be left with fewer points than the largest request needs.
    expect(allowed).toBeGreaterThan(2_000 - 2 * (20 + 10));
  });

  it.skipIf(missing)('count from zero when the window has ended, in every process', async (test) => {
    const backend = await openBackend(name, test);
    // Long enough that a slow machine makes the first four requests within it.
    const [one, two] = [open(backend, test), open(backend, test)].map((each) => each.create('x', 2, 3_000));
    const consume = async (limiter = one) => (await limiter?.consume('a')) ?? { consumed: 0, resetAt: 0 };
    await consume();
    const second = await consume();
    expect([second.consumed, (await consume()).consumed > 2, (await consume(two)).consumed > 2]).toEqual([
      2,
      true,
      true,
    ]);
    expect(second.resetAt - Date.now()).toBeLessThanOrEqual(3_000);
    await expect.poll(async () => (await consume(two)).consumed, { timeout: 150_000 }).toBe(1);
    // By its own clock, this process may still be in the former window for a moment.
    await expect.poll(async () => (await consume()).consumed, { timeout: 150_000 }).toBe(2);
  });

  it.skipIf(missing)('use the store once for many requests', async (test) => {
    const backend = await openBackend(name, test);
    const limiter = open(backend, test).create('x', 20_000, 60_000);
    let roundTrips = 0;
    for (let n = 0; n < 1_000; n += 1) {
      const usage = limiter.consume('a');
      if (usage instanceof Promise) roundTrips += 1;
      expect((await usage).consumed).toBe(n + 1);
    }
    expect(roundTrips).toBe(10);
  });

  it.skipIf(missing).for([
    ['refuses connections', (backend: TestBackend) => backend.stop(), (backend: TestBackend) => backend.start()],
    ['is silent', async (backend: TestBackend) => backend.freeze(), async (backend: TestBackend) => backend.thaw()],
  ] as const)(
    'are counted per process while the store %s, and shared again afterwards',
    { timeout: 60_000 },
    async ([, stop, start], test) => {
      const backend = await openBackend(name, test);
      logged.length = 0;
      const limiter = open(backend, test).create('x', 3, 60_000);
      expect((await limiter.consume('a')).consumed).toBe(1);
      await stop(backend);
      const startedAt = performance.now();
      let waits = 0;
      const consume = async (key: string, points = 1) => {
        const from = performance.now();
        const usage = await limiter.consume(key, points);
        if (performance.now() - from >= STORE_TIMEOUT_MS) waits += 1;
        return usage;
      };
      const consumed: number[] = [];
      for (let n = 0; n < 5; n += 1) consumed.push((await consume('b')).consumed);
      expect(consumed).toEqual([1, 2, 3, 4, 4]);
      const several = [await consume('d', 2), await consume('d', 2), await consume('d')];
      expect(several.map((usage) => usage.consumed)).toEqual([2, 4, 3]);
      for (let n = 0; n < 20; n += 1) expect((await consume(`new ${n}`)).consumed).toBe(1);
      // Only the first of 22 keys waits 1 s for the store, and one more every 5 s.
      expect(waits).toBeLessThanOrEqual(2 + (performance.now() - startedAt) / 5_000);
      expect(logged).toEqual(['rate limits are counted per process: their store is unavailable']);
      await start(backend);
      const nextLine = async () => {
        await limiter.consume(`c${Math.random()}`);
        return logged.at(-1);
      };
      await expect.poll(nextLine, { timeout: 150_000 }).toBe('rate limits are shared again');
    },
  );
});
