import { ANONYMOUS, type Auth, unauthorized } from './caller.ts';
import { readKey } from './credentials.ts';
import type { KeyCache } from './key-cache.ts';

/**
 * Callers by their keys. A key that is not good counts against its address by `countFailure`, which throws when there
 * were too many. A good one always passes: cameras behind one address do not suffer for a neighbour's old key.
 */
export function createKeyAuth(
  ring: KeyCache,
  countFailure: (address: string | undefined) => Promise<void>,
): Exclude<Auth, 'off'> {
  return {
    async callerOf(req, key = readKey(req)) {
      if (key === undefined) return ANONYMOUS;
      const caller = await ring.callerOf(key);
      if (caller) return caller;
      await countFailure(req.ip);
      throw unauthorized('The key is not good: unknown, revoked or expired.');
    },
  };
}
