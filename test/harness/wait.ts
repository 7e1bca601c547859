import { setTimeout as sleep } from 'node:timers/promises';

export type WaitOptions = {
  timeoutMs?: number;
  /** What is waited for, as in "timed out after 30 s waiting for Redis". */
  what: string;
  signal?: AbortSignal | undefined;
};

const INTERVAL_MS = 50;

/**
 * Returns the first truthy value of `read`. Throws what `read` throws, and an error that names `what` after the timeout.
 * For programs outside Vitest and for the harness; tests use `expect.poll` and `vi.waitFor`.
 */
export async function waitFor<T>(
  read: () => T | Promise<T>,
  { timeoutMs = 30_000, what, signal }: WaitOptions,
): Promise<NonNullable<T>> {
  for (const deadline = Date.now() + timeoutMs; ; await sleep(INTERVAL_MS, undefined, { signal })) {
    const value = await read();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`timed out after ${timeoutMs / 1_000} s waiting for ${what}`);
  }
}
