import { beforeEach, describe, expect, it } from 'vitest';
import { createStoreConcurrency, type StoreConcurrency } from '../store-concurrency.ts';

const SLOTS = 10;
let shares: StoreConcurrency;
beforeEach(() => {
  shares = createStoreConcurrency(SLOTS, { patienceMs: 50, impatientMs: 200 });
});

/** How many of these get a slot without one being freed. */
async function taken(...stores: string[]): Promise<number> {
  const answers = await Promise.all(stores.map((store) => shares.take(store)));
  return answers.filter(Boolean).length;
}

const many = (store: string, count = 2 * SLOTS) => Array<string>(count).fill(store);

describe('shares', () => {
  it('leave one store most of the slots, and not all', async () => {
    expect(await taken(...many('slow'))).toBe(8);
    expect(await taken('other', 'another')).toBe(2);
  });

  it('give what one slow store frees to another, and still not all', async () => {
    const held = await Promise.all(many('slow', 8).map((store) => shares.take(store)));
    expect(await taken('slower')).toBe(1);
    for (const leave of held.slice(0, 3)) if (leave) leave();
    expect(await taken(...many('slow'), ...many('slower'))).toBe(3);
    expect(await taken('newcomer')).toBe(1);
  });

  it('give the only slot of a worker to whoever comes', async () => {
    shares = createStoreConcurrency(1, { patienceMs: 50, impatientMs: 200 });
    const leave = await shares.take('one');
    if (!leave) throw new Error('a free slot was not given');
    leave();
    expect(await taken('other')).toBe(1);
  });

  it('let a store that is quick wait for the next of its slots, in order', async () => {
    const began: number[] = [];
    const running: (() => void)[] = [];
    const jobs = Array.from({ length: 12 }, async (_, n) => {
      const leave = await shares.take('quick');
      if (!leave) throw new Error('it was sent away');
      began.push(n);
      running.push(leave);
    });
    await new Promise(setImmediate);
    expect(began).toHaveLength(8);
    while (running.length > 0) {
      running.shift()?.();
      await new Promise(setImmediate);
    }
    await Promise.all(jobs);
    expect(began).toEqual(Array.from({ length: 12 }, (_, n) => n));
  });

  it('send away at once, for a while, what comes after a job that waited in vain', async () => {
    expect(await taken(...many('slow', 9))).toBe(8);
    const start = performance.now();
    expect(await taken('slow')).toBe(0);
    expect(performance.now() - start).toBeLessThan(40);
  });

  it('forget a store that has no slot any more', async () => {
    const held = await Promise.all(many('slow', 9).map((store) => shares.take(store)));
    for (const leave of held) if (leave) leave();
    expect(await taken(...many('slow', 8))).toBe(8);
    let told = false;
    const late = shares.take('slow').then(() => {
      told = true;
    });
    await new Promise(setImmediate);
    expect(told).toBe(false);
    await late;
  });
});
