import { setImmediate as endOfTurn } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { createMicroBatcher, type MicroBatcher } from '../micro-batch.ts';

const INVALID = 'invalid';
class Unavailable extends Error {}

type Run = { items: string[]; end(): void; fail(error: Error): void };

/** Batches in the order they started; each ends when the test ends it. */
let runs: Run[];
let batcher: MicroBatcher<string, string>;

function run(items: string[]): Promise<string[]> {
  const { promise, resolve, reject } = Promise.withResolvers<string[]>();
  const end = () => {
    if (items.includes(INVALID)) reject(new Error('invalid item'));
    else resolve(items.map((item) => `${item} done`));
  };
  runs.push({ items, end, fail: reject });
  return promise;
}

beforeEach(() => {
  runs = [];
  batcher = createMicroBatcher({
    run,
    keyOf: (item) => item.split('#')[0] ?? '',
    mayBeCausedByOneItem: (error) => !(error instanceof Unavailable),
    maxBatchSize: 5,
    concurrency: 2,
  });
});

/** Waits until a batch that has just ended is replaced by the next one. */
async function nextBatch(): Promise<void> {
  await endOfTurn();
  await endOfTurn();
}

const batches = () => runs.map(({ items }) => items);

/** Ends every batch, including those that start in between. */
async function endAll(): Promise<void> {
  for (let next = 0; next < runs.length; next += 1) {
    runs[next]?.end();
    await nextBatch();
  }
}

/** Starts two batches, so that further items have to wait. */
async function fillConcurrency(): Promise<void> {
  for (const item of ['first', 'second']) {
    void batcher.add(item);
    await endOfTurn();
  }
}

describe('createMicroBatcher', () => {
  it('starts a single item at the end of the turn', async () => {
    const done = batcher.add('a');
    expect(batches()).toEqual([]);
    await endOfTurn();
    expect(batches()).toEqual([['a']]);
    runs[0]?.end();
    expect(await done).toBe('a done');
  });

  it('runs items of one turn together and returns each its own result', async () => {
    const done = Promise.all(['a', 'b', 'c'].map(batcher.add));
    await endOfTurn();
    expect(batches()).toEqual([['a', 'b', 'c']]);
    await endAll();
    expect(await done).toEqual(['a done', 'b done', 'c done']);
  });

  it('collects items while all batches are in flight, and starts them as soon as one ends', async () => {
    await fillConcurrency();
    for (const item of ['a', 'b', 'c']) {
      void batcher.add(item);
      await endOfTurn();
    }
    expect(batches()).toEqual([['first'], ['second']]);
    runs[1]?.end();
    await nextBatch();
    expect(batches()).toEqual([['first'], ['second'], ['a', 'b', 'c']]);
  });

  it('limits the size of a batch and the number of batches in flight', async () => {
    const done = Promise.all(Array.from({ length: 17 }, (_, n) => batcher.add(`${n}`)));
    await endOfTurn();
    expect(runs.map(({ items }) => items.length)).toEqual([5, 5]);
    await endAll();
    expect(runs.map(({ items }) => items.length)).toEqual([5, 5, 5, 2]);
    expect(await done).toEqual(Array.from({ length: 17 }, (_, n) => `${n} done`));
  });

  it('runs items with the same key one after the other, in order, and lets others overtake them', async () => {
    ['a#1', 'a#2', 'b', 'a#3'].map(batcher.add);
    await endOfTurn();
    expect(batches()).toEqual([['a#1', 'b']]);
    void batcher.add('c');
    await nextBatch();
    runs[0]?.end();
    await nextBatch();
    runs[2]?.end();
    await nextBatch();
    expect(batches()).toEqual([['a#1', 'b'], ['c'], ['a#2'], ['a#3']]);
  });

  it('rejects only the invalid item of a batch', async () => {
    const items = ['a', 'b', INVALID, 'c', 'd'];
    const done = Promise.allSettled(items.map(batcher.add));
    await endOfTurn();
    await endAll();
    const outcomes = (await done).map((one) => (one.status === 'fulfilled' ? one.value : String(one.reason)));
    expect(outcomes).toEqual(['a done', 'b done', 'Error: invalid item', 'c done', 'd done']);
  });

  it('rejects the whole batch after one run if no single item caused the error', async () => {
    const done = Promise.allSettled(['a', 'b', 'c'].map(batcher.add));
    await endOfTurn();
    runs[0]?.fail(new Unavailable());
    expect((await done).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    await nextBatch();
    expect(runs).toHaveLength(1);
  });

  it('continues after a batch that failed', async () => {
    const failed = batcher.add('a');
    await endOfTurn();
    runs[0]?.fail(new Unavailable());
    await expect(failed).rejects.toThrow(Unavailable);
    const next = batcher.add('b');
    await endOfTurn();
    runs[1]?.end();
    expect(await next).toBe('b done');
  });

  it('closes after every added item has ended', async () => {
    await fillConcurrency();
    void batcher.add('late');
    let closed = false;
    const closing = batcher.close().then(() => {
      closed = true;
    });
    runs[0]?.end();
    runs[1]?.end();
    await nextBatch();
    expect(batches().at(-1)).toEqual(['late']);
    expect(closed).toBe(false);
    runs[2]?.end();
    await closing;
  });
});

describe('createMicroBatcher without limits and keys', () => {
  beforeEach(() => {
    batcher = createMicroBatcher({ run });
  });

  it('runs together what one turn adds, including items added by its promises', async () => {
    const done = Promise.all([batcher.add('a'), Promise.resolve().then(() => batcher.add('b')), batcher.add('a')]);
    await endOfTurn();
    expect(batches()).toEqual([['a', 'a', 'b']]);
    await endAll();
    await done;
  });

  it('starts later items without waiting for the batch in flight', async () => {
    for (const item of ['a', 'b', 'c']) {
      void batcher.add(item);
      await endOfTurn();
    }
    expect(batches()).toEqual([['a'], ['b'], ['c']]);
  });

  it('rejects every item of a batch that fails, and no other', async () => {
    const failing = Promise.allSettled([batcher.add('a'), batcher.add('b')]);
    await endOfTurn();
    const next = batcher.add('c');
    await endOfTurn();
    runs[0]?.fail(new Unavailable());
    expect((await failing).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(runs).toHaveLength(2);
    runs[1]?.end();
    expect(await next).toBe('c done');
  });
});
