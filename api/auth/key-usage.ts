const INTERVAL_MS = 60_000;

/**
 * Returns a function that records the use of a key: at most once a minute per key and process, and without making the
 * request wait. `write` stores the time; if it fails, the next use tries again.
 */
export function createKeyUsage(write: (id: string) => Promise<void>): (id: string) => void {
  // Only valid keys, so the number of entries is that of the keys.
  const writtenAt = new Map<string, number>();
  return (id) => {
    const now = performance.now();
    if (now - (writtenAt.get(id) ?? -Infinity) < INTERVAL_MS) return;
    writtenAt.set(id, now);
    write(id).catch(() => writtenAt.delete(id)); // the request itself reports an unavailable database
  };
}
