import { beforeEach, describe, expect, it } from 'vitest';
import { singleFlight } from '../single-flight.ts';

describe('singleFlight', () => {
  let calls: PromiseWithResolvers<number>[];
  const shared = singleFlight(() => {
    const call = Promise.withResolvers<number>();
    calls.push(call);
    return call.promise;
  });
  beforeEach(() => {
    calls = [];
  });

  it('shares one run between all callers', async () => {
    const results = Promise.all([shared(), shared(), shared()]);
    expect(calls).toHaveLength(1);
    calls[0]?.resolve(7);
    expect(await results).toEqual([7, 7, 7]);
  });

  it('runs again after the first run has ended', async () => {
    const first = shared();
    calls[0]?.resolve(1);
    await first;
    const second = shared();
    calls[1]?.resolve(2);
    expect(await second).toBe(2);
  });

  it('shares an error, and runs again after it', async () => {
    const failing = Promise.allSettled([shared(), shared()]);
    calls[0]?.reject(new Error('failed'));
    expect((await failing).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    const next = shared();
    calls[1]?.resolve(2);
    expect(await next).toBe(2);
  });
});
