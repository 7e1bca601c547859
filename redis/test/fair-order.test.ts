import { describe, expect, it } from 'vitest';
import { createFairOrder, type FairOrder } from '../fair-order.ts';

/** Returns the priorities of these jobs. */
async function prioritiesOf(order: FairOrder, stores: string[]): Promise<number[]> {
  let result: number[] = [];
  await order.add(
    stores.map((store) => ({ store })),
    async (priorities) => {
      result = priorities;
    },
  );
  return result;
}

/** A queue as BullMQ orders it, with a clock of its own: one millisecond per dispatch. */
function modelQueue() {
  const waiting = new Map<number, string[]>();
  let time = 0;
  const order = createFairOrder(
    async () => {
      const first = Math.min(...[...waiting.keys()].filter((priority) => priority > 0));
      return { first: Number.isFinite(first) ? first : undefined, empty: waiting.size === 0 };
    },
    () => time,
  );
  return {
    async add(stores: string[]) {
      const priorities = await prioritiesOf(order, stores);
      priorities.forEach((priority, index) => {
        waiting.set(priority, [...(waiting.get(priority) ?? []), stores[index] ?? '']);
      });
      return priorities;
    },
    dispatch() {
      time += 1;
      const lowest = Math.min(...waiting.keys());
      const jobs = waiting.get(lowest);
      const store = jobs?.shift();
      if (jobs?.length === 0) waiting.delete(lowest);
      return store;
    },
  };
}

const times = (count: number, store: string) => Array.from({ length: count }, () => store);

describe('the order in a model of the queue', () => {
  it('never starves a backlog, although quiet stores send twice as many alerts as are dispatched', async () => {
    const queue = modelQueue();
    await queue.add(times(400, 'backlog'));
    let dispatches = 0;
    for (let left = 400; left > 0; dispatches += 1) {
      await queue.add([`quiet ${(2 * dispatches) % 20}`, `quiet ${(2 * dispatches + 1) % 20}`]);
      if (queue.dispatch() === 'backlog') left -= 1;
    }
    // Its fair share is one of 21 dispatches.
    expect(dispatches).toBeLessThan(400 * 21 * 1.2);
  });

  it('lets a store that sends less than its share pass a backlog, again and again', async () => {
    const queue = modelQueue();
    await queue.add(times(2_000, 'backlog'));
    for (let dispatches = 0; dispatches < 1_500; dispatches += 1) {
      if (dispatches % 40 === 39) expect(await queue.add(['quiet'])).toEqual([0]);
      queue.dispatch();
    }
  });

  it('does not count up for a store whose alerts are processed as they arrive', async () => {
    const queue = modelQueue();
    for (let count = 0; count < 1_000; count += 1) {
      const [priority = 0] = await queue.add(['a']);
      // It counts up between two reads of the queue only, which are 100 ms apart.
      expect(priority).toBeLessThanOrEqual(100 / 4);
      queue.dispatch();
    }
  });

  it('forgets what was processed long ago', async () => {
    let [time, empty] = [0, true];
    const order = createFairOrder(
      async () => ({ first: undefined, empty }),
      () => time,
    );
    await prioritiesOf(order, ['b', 'b', 'b', 'c']);
    time = 20_000;
    await prioritiesOf(order, ['c']);
    [time, empty] = [20_050, false];
    expect(await prioritiesOf(order, times(4, 'b'))).toEqual([0, 0, 0, 0]);
  });

  it('treats alerts without a store as those of one store', async () => {
    let priorities: number[] = [];
    const order = createFairOrder(async () => ({ first: undefined, empty: true }));
    await order.add([{}, {}, {}, {}, {}, { store: 'a' }], async (given) => {
      priorities = given;
    });
    expect(priorities).toEqual([0, 0, 0, 0, 1, 0]);
  });

  it('never exceeds the highest priority, and a quiet store still passes', async () => {
    const order = createFairOrder(async () => ({ first: 2 ** 21 - 1, empty: false }));
    await prioritiesOf(order, times(12, 'a'));
    expect(await prioritiesOf(order, ['a', 'b'])).toEqual([2 ** 21 - 1, 0]);
  });

  it('keeps the order of jobs that arrive while the queue is read', async () => {
    const reads: (() => void)[] = [];
    const order = createFairOrder(
      () => new Promise((resolve) => reads.push(() => resolve({ first: undefined, empty: false }))),
    );
    const sent: string[] = [];
    const add = (store: string, count: number) =>
      order.add(
        times(count, store).map((one) => ({ store: one })),
        async () => void sent.push(store),
      );
    const adding = [add('a', 6), add('b', 1)];
    await expect.poll(() => reads.length).toBe(1);
    reads[0]?.();
    await Promise.all(adding);
    expect(sent).toEqual(['a', 'b']);
  });

  it('reads the queue after what is being added has arrived', async () => {
    const events: string[] = [];
    const gate = Promise.withResolvers<void>();
    const order = createFairOrder(async () => {
      events.push('read');
      return { first: undefined, empty: false };
    });
    const first = order.add([{ store: 'a' }], () => gate.promise.then(() => void events.push('added')));
    const second = prioritiesOf(order, times(8, 'a'));
    gate.resolve();
    await Promise.all([first, second]);
    expect(events).toEqual(['added', 'read']);
  });

  it('rejects when the queue cannot be read, and tries again', async () => {
    let fail = true;
    const order = createFairOrder(async () => {
      if (fail) throw new Error('unavailable');
      return { first: undefined, empty: true };
    });
    await expect(prioritiesOf(order, times(8, 'a'))).rejects.toThrow('unavailable');
    fail = false;
    expect(await prioritiesOf(order, times(8, 'a'))).toHaveLength(8);
  });
});
