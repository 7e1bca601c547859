export type MicroBatcher<Item, Result> = {
  /** Resolves to this item's result. Rejects with the error of this item, or of its whole batch. */
  add(item: Item): Promise<Result>;
  /** Resolves when every item that was added has a result or an error. */
  close(): Promise<void>;
};

export type MicroBatchOptions<Item, Result> = {
  /** Processes all items or none. Returns one result per item, in the same order. */
  run(items: Item[]): Promise<Result[]>;
  /** Items with the same key run one after the other: never in one batch, never in two batches at the same time. */
  keyOf?(item: Item): string;
  /** Returns whether a single item may have caused the error. The batch is then halved until that item is alone. */
  mayBeCausedByOneItem?(error: unknown): boolean;
  /** Default: no limit. */
  maxBatchSize?: number;
  /** Batches in flight at the same time. Default: no limit. */
  concurrency?: number;
  /** Items that have waited for longer when their batch would start are rejected with `error()` instead. Default: none. */
  maxWait?: { ms: number; error(): Error };
};

type Pending<Item, Result> = {
  item: Item;
  key: string | undefined;
  addedAt: number;
  resolve(result: Result): void;
  reject(error: unknown): void;
};

/**
 * Returns a batcher that processes items together when they arrive at the same time. A batch starts at the end of the
 * event-loop turn that added its first item, so a single item is not delayed. While all batches are in flight, items
 * collect for the next one.
 */
export function createMicroBatcher<Item, Result>(options: MicroBatchOptions<Item, Result>): MicroBatcher<Item, Result> {
  const { concurrency = Number.POSITIVE_INFINITY, maxBatchSize = Number.POSITIVE_INFINITY, keyOf } = options;
  let pending: Pending<Item, Result>[] = [];
  const keysInFlight = new Set<string>();
  let inFlight = 0;
  let scheduled = false;
  let idle = Promise.withResolvers<void>();
  idle.resolve();

  const start = () => {
    scheduled = false;
    pending = withoutExpired(pending, options.maxWait);
    if (inFlight === 0 && pending.length === 0) idle.resolve();
    while (inFlight < concurrency && pending.length > 0) {
      const { batch, keys, rest } = takeBatch(pending, maxBatchSize, keysInFlight);
      if (batch.length === 0) return;
      pending = rest;
      inFlight += 1;
      for (const key of keys) keysInFlight.add(key);
      runAndHalve(options, batch).finally(() => {
        inFlight -= 1;
        for (const key of keys) keysInFlight.delete(key);
        schedule();
        if (inFlight === 0 && pending.length === 0) idle.resolve();
      });
    }
  };
  const schedule = () => {
    if (scheduled || inFlight === concurrency || pending.length === 0) return;
    scheduled = true;
    setImmediate(start);
  };
  return {
    add(item) {
      if (inFlight === 0 && pending.length === 0) idle = Promise.withResolvers<void>();
      const { promise, resolve, reject } = Promise.withResolvers<Result>();
      pending.push({ item, key: keyOf?.(item), addedAt: performance.now(), resolve, reject });
      schedule();
      return promise;
    },
    close: () => idle.promise,
  };
}

/** Rejects the items that have waited for too long, and returns the others. */
function withoutExpired<Item, Result>(
  pending: Pending<Item, Result>[],
  maxWait: MicroBatchOptions<Item, Result>['maxWait'],
): Pending<Item, Result>[] {
  if (!maxWait) return pending;
  const oldest = performance.now() - maxWait.ms;
  return pending.filter(({ addedAt, reject }) => {
    if (addedAt >= oldest) return true;
    reject(maxWait.error());
    return false;
  });
}

/** Returns the first items that may run together, their keys, and all other items in their order. */
function takeBatch<Item, Result>(
  pending: Pending<Item, Result>[],
  maxBatchSize: number,
  keysInFlight: ReadonlySet<string>,
) {
  const batch: Pending<Item, Result>[] = [];
  const keys = new Set<string>();
  const rest: Pending<Item, Result>[] = [];
  for (const one of pending) {
    const { key } = one;
    const blocked = key !== undefined && (keys.has(key) || keysInFlight.has(key));
    if (blocked || batch.length >= maxBatchSize) {
      rest.push(one);
      continue;
    }
    batch.push(one);
    if (key !== undefined) keys.add(key);
  }
  return { batch, keys, rest };
}

async function runAndHalve<Item, Result>(
  options: MicroBatchOptions<Item, Result>,
  batch: Pending<Item, Result>[],
): Promise<void> {
  try {
    const results = await options.run(batch.map(({ item }) => item));
    if (results.length !== batch.length) throw new Error(`${results.length} results for ${batch.length} items`);
    batch.forEach(({ resolve }, index) => void resolve(results[index] as Result)); // same length: checked above
  } catch (error) {
    if (batch.length === 1 || !options.mayBeCausedByOneItem?.(error)) {
      for (const { reject } of batch) reject(error);
      return;
    }
    const middle = Math.ceil(batch.length / 2);
    await runAndHalve(options, batch.slice(0, middle));
    await runAndHalve(options, batch.slice(middle));
  }
}
