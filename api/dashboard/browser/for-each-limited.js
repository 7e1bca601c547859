/**
 * Runs an action for each item, at most `limit` at the same time, in order. Starts no more of them after an abort.
 * @template Item
 * @param {Item[]} items
 * @param {{ limit: number, signal: AbortSignal }} options
 * @param {(item: Item) => Promise<void>} action must not reject
 */
export async function forEachLimited(items, { limit, signal }, action) {
  const remaining = items.values();
  const run = async () => {
    for (const item of remaining) {
      if (signal.aborted) return;
      await action(item);
    }
  };
  await Promise.all(Array.from({ length: limit }, run));
}
