export type Batcher<Item, Result> = {
  /** The item's own result, or the error that it alone is to blame for, or that befell its whole batch. */
  add(item: Item): Promise<Result>;
  /** Waits for the end of all that was added. */
  close(): Promise<void>;
};

type Work<Item, Result> = {
  /** Does all or nothing. One result for each item, in their order. */
  run(items: Item[]): Promise<Result[]>;
  /** Items of one key go one after the other, never in one batch or in two lanes. */
  keyOf(item: Item): string;
  /** An error that may be the fault of one item: then the batch is halved until that one stands alone. */
  mayBeOneItems(error: unknown): boolean;
  /** Items in a batch, and batches under way at a time. */
  most: number;
  lanes: number;
};

type Waiting<Item, Result> = {
  item: Item;
  resolve(result: Result): void;
  reject(error: unknown): void;
};

/**
 * Lets what is asked for at the same time be done together. A lone item goes at the end of the turn of the event loop
 * that brought it, and waits for no company; while every lane is busy, items gather and go together.
 */
export function createMicroBatcher<Item, Result>(work: Work<Item, Result>): Batcher<Item, Result> {
  let waiting: Waiting<Item, Result>[] = [];
  const underWay = new Set<string>();
  let busy = 0;
  let starting = false;
  let idle = Promise.withResolvers<void>();
  idle.resolve();

  const start = () => {
    starting = false;
    while (busy < work.lanes && waiting.length > 0) {
      const [batch, rest] = split(waiting, work, underWay);
      if (batch.size === 0) return;
      waiting = rest;
      busy += 1;
      for (const key of batch.keys()) underWay.add(key);
      runHalving(work, [...batch.values()]).finally(() => {
        busy -= 1;
        for (const key of batch.keys()) underWay.delete(key);
        startSoon();
        if (busy === 0 && waiting.length === 0) idle.resolve();
      });
    }
  };
  const startSoon = () => {
    if (starting || busy === work.lanes || waiting.length === 0) return;
    starting = true;
    setImmediate(start);
  };
  return {
    add(item) {
      if (busy === 0 && waiting.length === 0) idle = Promise.withResolvers<void>();
      const { promise, resolve, reject } = Promise.withResolvers<Result>();
      waiting.push({ item, resolve, reject });
      startSoon();
      return promise;
    },
    close: () => idle.promise,
  };
}

/** The first items that may go together, by their keys, and all others in their order. */
function split<Item, Result>(
  waiting: Waiting<Item, Result>[],
  { keyOf, most }: Work<Item, Result>,
  underWay: Set<string>,
): [Map<string, Waiting<Item, Result>>, Waiting<Item, Result>[]] {
  const batch = new Map<string, Waiting<Item, Result>>();
  const rest: Waiting<Item, Result>[] = [];
  for (const one of waiting) {
    const key = keyOf(one.item);
    if (batch.size < most && !batch.has(key) && !underWay.has(key)) batch.set(key, one);
    else rest.push(one);
  }
  return [batch, rest];
}

async function runHalving<Item, Result>(work: Work<Item, Result>, batch: Waiting<Item, Result>[]): Promise<void> {
  try {
    const results = await work.run(batch.map(({ item }) => item));
    if (results.length !== batch.length) throw new Error(`${results.length} results of ${batch.length} items`);
    batch.forEach(({ resolve }, index) => void resolve(results[index] as Result)); // as many as there are items
  } catch (error) {
    if (batch.length === 1 || !work.mayBeOneItems(error)) {
      for (const { reject } of batch) reject(error);
      return;
    }
    const middle = Math.ceil(batch.length / 2);
    await runHalving(work, batch.slice(0, middle));
    await runHalving(work, batch.slice(middle));
  }
}
