import { ANONYMOUS, type Auth, unauthorized } from './client.ts';
import { readKey } from './credentials.ts';
import type { KeyCache } from './key-cache.ts';

/**
 * Returns the authentication by keys. `countInvalidKey` counts an invalid key against its address and throws if there
 * were too many. A valid key always passes, so cameras behind one address do not suffer from a neighbour's old key.
 */
export function createKeyAuth(
  keys: KeyCache,
  countInvalidKey: (address: string | undefined) => Promise<void>,
): Exclude<Auth, 'off'> {
  return {
    async clientOf(req, key = readKey(req)) {
      if (key === undefined) return ANONYMOUS;
      const client = await keys.clientOf(key);
      if (client) return client;
      await countInvalidKey(req.ip);
      throw unauthorized('Invalid key: unknown, revoked or expired.');
    },
  };
}
