import { describe, expect, it } from 'vitest';
import { type Limits, openLimits } from '../rate-limit.ts';
import { BACKENDS, openServer, type Server } from './queue-fixture.ts';

// Counting over several processes, each here an end of its own on the same store.

const told: string[] = [];
type Finish = Parameters<typeof openServer>[1];

function open(server: Server, test: Finish): Limits {
  const limits = openLimits(server.url, (line) => told.push(line));
  test.onTestFinished(() => limits.close());
  return limits;
}

describe.each(BACKENDS)('limits on $backend', ({ backend, missing }) => {
  it.skipIf(missing)('are shared: two ends let through exactly the limit, each of two keys', async (test) => {
    const server = await openServer(backend, test);
    const counters = [open(server, test), open(server, test)].map((limits) => limits.counter('x', 20, 60_000));
    const through = { a: 0, b: 0 };
    for (let n = 0; n < 60; n += 1) {
      for (const key of ['a', 'b'] as const) {
        const hit = await counters[n % 2]?.hit(key);
        if (hit && hit.number <= 20) through[key] += 1;
      }
    }
    expect(through).toEqual({ a: 20, b: 20 });
  });

  it.skipIf(missing)(
    'let no more through when all come at once, and keep at most half a percent back',
    async (test) => {
      const server = await openServer(backend, test);
      const counters = [open(server, test), open(server, test), open(server, test)].map((l) =>
        l.counter('x', 2_000, 60_000),
      );
      const hits = await Promise.all(Array.from({ length: 6_000 }, (_, n) => counters[n % 3]?.hit('a')));
      const through = hits.filter((hit) => hit && hit.number <= 2_000).length;
      expect(through).toBeLessThanOrEqual(2_000);
      expect(through).toBeGreaterThanOrEqual(2_000 - 2 * 10);
    },
  );

  it.skipIf(missing)(
    'take many hits together or none of them, and hold nothing back for those refused',
    async (test) => {
      const server = await openServer(backend, test);
      const [one, two] = [open(server, test), open(server, test)].map((limits) => limits.counter('x', 2_000, 60_000));
      const hit = async (counter = one, hits = 1, key = 'a') => (await counter?.hit(key, hits))?.number ?? 0;
      expect([await hit(), await hit(), await hit(one, 7), await hit(one, 500), await hit()]).toEqual([
        1, 2, 9, 509, 510,
      ]);
      expect(await hit(two, 1_400)).toBe(1_910);
      expect(await hit(one, 500)).toBeGreaterThan(2_000);
      const left = [];
      while ((await hit()) <= 2_000) left.push(1);
      expect(left).toHaveLength(90);
      expect([await hit(two, 2_001, 'b'), await hit(one, 2_000, 'b')]).toEqual([2_001, 2_000]);
    },
  );

  it.skipIf(missing)('let no more through when hits of all sizes come at once', async (test) => {
    const server = await openServer(backend, test);
    const counters = [open(server, test), open(server, test)].map((limits) => limits.counter('x', 2_000, 60_000));
    const sizes = Array.from({ length: 600 }, (_, n) => 1 + (n % 20));
    const hits = await Promise.all(sizes.map((size, n) => counters[n % 2]?.hit('a', size)));
    const through = sizes.filter((_, n) => (hits[n]?.number ?? 0) <= 2_000).reduce((sum, size) => sum + size, 0);
    expect(through).toBeLessThanOrEqual(2_000);
    // Either end may be left with fewer than the largest asks for.
    expect(through).toBeGreaterThan(2_000 - 2 * (20 + 10));
  });

  it.skipIf(missing)('begin anew when the window has passed, on every end', async (test) => {
    const server = await openServer(backend, test);
    const [one, two] = [open(server, test), open(server, test)].map((limits) => limits.counter('x', 2, 400));
    const hit = async (counter = one) => (await counter?.hit('a')) ?? { number: 0, resetAt: 0 };
    await hit();
    const second = await hit();
    expect([second.number, (await hit()).number > 2, (await hit(two)).number > 2]).toEqual([2, true, true]);
    expect(second.resetAt - Date.now()).toBeLessThanOrEqual(400);
    await expect.poll(async () => (await hit(two)).number).toBe(1);
    expect((await hit()).number).toBe(2);
  });

  it.skipIf(missing)('ask the store once for many hits', async (test) => {
    const server = await openServer(backend, test);
    const counter = open(server, test).counter('x', 20_000, 60_000);
    let asked = 0;
    for (let n = 0; n < 1_000; n += 1) {
      const hit = counter.hit('a');
      if (hit instanceof Promise) asked += 1;
      expect((await hit).number).toBe(n + 1);
    }
    expect(asked).toBe(10);
  });

  it.skipIf(missing)(
    'are counted by each process alone while the store is away or silent, told once, then shared again',
    async (test) => {
      const server = await openServer(backend, test);
      told.length = 0;
      const limits = open(server, test);
      const counter = limits.counter('x', 3, 300);
      expect((await counter.hit('a')).number).toBe(1);
      let round = 0;
      for (const leave of [() => server.away(), async () => server.freeze()]) {
        await leave();
        round += 1;
        const key = `b${round}`;
        const started = performance.now();
        const numbers: number[] = [];
        for (let n = 0; n < 5; n += 1) numbers.push((await counter.hit(key)).number);
        expect(numbers).toEqual([1, 2, 3, 4, 4]);
        const many = [
          await counter.hit(`d${round}`, 2),
          await counter.hit(`d${round}`, 2),
          await counter.hit(`d${round}`),
        ];
        expect(many.map(({ number }) => number)).toEqual([2, 4, 3]);
        expect(performance.now() - started).toBeLessThan(3_000);
        expect(told.filter((line) => line.includes('each process alone'))).toHaveLength(1);
        if (round === 1) await server.back();
        else server.thaw();
        await expect
          .poll(
            async () => {
              await counter.hit(`c${Math.random()}`);
              return told.at(-1);
            },
            { timeout: 25_000 },
          )
          .toBe('limits are shared again');
        told.length = 0;
      }
    },
  );
});
