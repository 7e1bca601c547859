import { beforeEach, describe, expect, it } from 'vitest';
import { createStoreConcurrency, type ReleaseSlot, type StoreConcurrency } from '../store-concurrency.ts';

const SLOTS = 10;
const LIMITS = { waitMs: 50, cooldownMs: 60_000 };
let concurrency: StoreConcurrency;
beforeEach(() => {
  concurrency = createStoreConcurrency(SLOTS, LIMITS);
});

/** Acquires a slot for each of these stores; returns the releases of those that got one. */
async function acquire(...stores: string[]): Promise<ReleaseSlot[]> {
  const releases = await Promise.all(stores.map((store) => concurrency.acquire(store)));
  return releases.filter((release) => release !== undefined);
}

const jobs = (store: string, count = 2 * SLOTS) => Array<string>(count).fill(store);

describe('the per-store concurrency limit', () => {
  it('gives one store most of the slots, and not all', async () => {
    expect(await acquire(...jobs('slow'))).toHaveLength(8);
    expect(await acquire('other', 'another')).toHaveLength(2);
  });

  it('gives slots released by one slow store to another, and still not all', async () => {
    const held = await acquire(...jobs('slow', 8));
    expect(await acquire('slower')).toHaveLength(1);
    for (const release of held.slice(0, 3)) release();
    expect(await acquire(...jobs('slow'), ...jobs('slower'))).toHaveLength(3);
    expect(await acquire('newcomer')).toHaveLength(1);
  });

  it('gives the only slot of a worker to any store', async () => {
    concurrency = createStoreConcurrency(1, LIMITS);
    const [release] = await acquire('one');
    release?.();
    expect(release).toBeDefined();
    expect(await acquire('other')).toHaveLength(1);
  });

  it('lets a fast store wait for its next slot, in order', async () => {
    concurrency = createStoreConcurrency(SLOTS, { ...LIMITS, waitMs: 60_000 });
    const started: number[] = [];
    const running: ReleaseSlot[] = [];
    const all = Array.from({ length: 12 }, async (_, n) => {
      const release = await concurrency.acquire('fast');
      if (!release) throw new Error('refused');
      started.push(n);
      running.push(release);
    });
    await new Promise(setImmediate);
    expect(started).toHaveLength(8);
    while (running.length > 0) {
      running.shift()?.();
      await new Promise(setImmediate);
    }
    await Promise.all(all);
    expect(started).toEqual(Array.from({ length: 12 }, (_, n) => n));
  });

  it('refuses jobs at once during the cooldown after a job got no slot', async () => {
    concurrency = createStoreConcurrency(SLOTS, { ...LIMITS, waitMs: 200 });
    const [held, waited] = [await acquire(...jobs('slow', 8)), concurrency.acquire('slow')];
    expect(held).toHaveLength(8);
    expect(await waited).toBeUndefined();
    // A timer of the same length, set first, has not fired yet when the refusal arrives.
    const stillWaiting = new Promise((resolve) => setTimeout(resolve, 200, 'waited'));
    expect(await Promise.race([stillWaiting, concurrency.acquire('slow')])).toBeUndefined();
  });

  it('ends the cooldown of a store that holds no slot any more', async () => {
    const held = await acquire(...jobs('slow', 9));
    for (const release of held) release();
    const [release] = await acquire(...jobs('slow', 8));
    const waiting = concurrency.acquire('slow');
    release?.();
    expect(await waiting).toBeDefined();
  });
});
