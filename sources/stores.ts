/**
 * Returns the function that finds the value of a store. Keys are names of stores, or patterns in which `*` stands for any
 * characters. An exact name has priority; then the first pattern that matches.
 */
export function storeMapping(stores: Record<string, string>): (store: string) => string | undefined {
  const entries = Object.entries(stores);
  const exact = new Map(entries.filter(([key]) => !key.includes('*')));
  const patterns = entries
    .filter(([key]) => key.includes('*'))
    .map(([key, value]) => ({ parts: key.split('*'), value }));
  return (store) => exact.get(store) ?? patterns.find(({ parts }) => matches(store, parts))?.value;
}

/** A regular expression with several stars could need exponential time. */
function matches(store: string, [first = '', ...others]: string[]): boolean {
  const last = others.pop() ?? '';
  if (!store.startsWith(first) || store.length < first.length + last.length || !store.endsWith(last)) return false;
  const end = store.length - last.length;
  let position = first.length;
  for (const part of others) {
    const found = store.indexOf(part, position);
    if (found === -1 || found + part.length > end) return false;
    position = found + part.length;
  }
  return true;
}
