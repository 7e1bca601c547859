import { setImmediate as endOfTurn } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Batcher, createMicroBatcher } from '../micro-batch.ts';

const POISON = 'poison';
class Away extends Error {}

/** The batches that were begun, in order; each ends when the test says so. */
let begun: { items: string[]; end(): void; fail(error: Error): void }[];
let batcher: Batcher<string, string>;
beforeEach(() => {
  begun = [];
  batcher = createMicroBatcher({
    run(items) {
      const { promise, resolve, reject } = Promise.withResolvers<string[]>();
      const end = () => {
        if (items.includes(POISON)) reject(new Error('poisonous'));
        else resolve(items.map((item) => `${item} done`));
      };
      begun.push({ items, end, fail: reject });
      return promise;
    },
    keyOf: (item) => item.split('#')[0] ?? '',
    mayBeOneItems: (error) => !(error instanceof Away),
    most: 5,
    lanes: 2,
  });
});

/** Time for what has just ended to make room for what waits. */
async function turns(): Promise<void> {
  await endOfTurn();
  await endOfTurn();
}

const batches = () => begun.map(({ items }) => items);

/** Ends every batch until none begins any more. */
async function endAll(): Promise<void> {
  for (let next = 0; next < begun.length; next += 1) {
    begun[next]?.end();
    await turns();
  }
}

/** Two batches under way: whatever comes now has to wait. */
async function fillLanes(): Promise<Promise<string>[]> {
  const first = batcher.add('first');
  await endOfTurn();
  const second = batcher.add('second');
  await endOfTurn();
  return [first, second];
}

describe('a batcher', () => {
  it('begins a lone item at the end of its turn', async () => {
    const done = batcher.add('a');
    expect(batches()).toEqual([]);
    await endOfTurn();
    expect(batches()).toEqual([['a']]);
    begun[0]?.end();
    expect(await done).toBe('a done');
  });

  it('puts together what comes in one turn, and gives each its own result', async () => {
    const done = Promise.all(['a', 'b', 'c'].map(batcher.add));
    await endOfTurn();
    expect(batches()).toEqual([['a', 'b', 'c']]);
    await endAll();
    expect(await done).toEqual(['a done', 'b done', 'c done']);
  });

  it('gathers while all lanes are busy, and begins what gathered as soon as one is free', async () => {
    await fillLanes();
    for (const item of ['a', 'b', 'c']) {
      batcher.add(item);
      await endOfTurn();
    }
    expect(batches()).toEqual([['first'], ['second']]);
    begun[1]?.end();
    await turns();
    expect(batches()).toEqual([['first'], ['second'], ['a', 'b', 'c']]);
  });

  it('begins no batch of more than it may, and no more of them than it has lanes', async () => {
    const done = Promise.all(Array.from({ length: 17 }, (_, n) => batcher.add(`${n}`)));
    await endOfTurn();
    expect(begun.map(({ items }) => items.length)).toEqual([5, 5]);
    await endAll();
    expect(begun.map(({ items }) => items.length)).toEqual([5, 5, 5, 2]);
    expect(await done).toEqual(Array.from({ length: 17 }, (_, n) => `${n} done`));
  });

  it('keeps items of one key apart, in their order, and lets others pass them', async () => {
    ['a#1', 'a#2', 'b', 'a#3'].map(batcher.add);
    await endOfTurn();
    expect(batches()).toEqual([['a#1', 'b']]);
    batcher.add('c');
    await turns();
    begun[0]?.end();
    await turns();
    begun[2]?.end();
    await turns();
    expect(batches()).toEqual([['a#1', 'b'], ['c'], ['a#2'], ['a#3']]);
  });

  it('lets the one poisonous item alone fail', async () => {
    const items = ['a', 'b', POISON, 'c', 'd'];
    const done = Promise.allSettled(items.map(batcher.add));
    await endOfTurn();
    await endAll();
    const told = (await done).map((one) => (one.status === 'fulfilled' ? one.value : String(one.reason)));
    expect(told).toEqual(['a done', 'b done', 'Error: poisonous', 'c done', 'd done']);
  });

  it('fails a batch as a whole, and once, where no item is to blame', async () => {
    const done = Promise.allSettled(['a', 'b', 'c'].map(batcher.add));
    await endOfTurn();
    begun[0]?.fail(new Away());
    expect((await done).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    await turns();
    expect(begun).toHaveLength(1);
  });

  it('goes on after a batch that failed', async () => {
    const lost = batcher.add('a');
    await endOfTurn();
    begun[0]?.fail(new Away());
    await expect(lost).rejects.toThrow(Away);
    const next = batcher.add('b');
    await endOfTurn();
    begun[1]?.end();
    expect(await next).toBe('b done');
  });

  it('closes when all that was added has ended', async () => {
    await fillLanes();
    batcher.add('late');
    let closed = false;
    const closing = batcher.close().then(() => {
      closed = true;
    });
    begun[0]?.end();
    begun[1]?.end();
    await turns();
    expect(batches().at(-1)).toEqual(['late']);
    expect(closed).toBe(false);
    begun[2]?.end();
    await closing;
  });
});
