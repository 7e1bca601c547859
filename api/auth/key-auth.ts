import { ANONYMOUS, type KeyAuth, type Sessions, unauthorized } from './client.ts';
import { readKey, readSessionCookie } from './credentials.ts';
import type { KeyCache } from './key-cache.ts';

/**
 * Returns the authentication by keys, and by the sessions of browsers. `countInvalidKey` counts an invalid key against
 * its address and throws if there were too many. A valid key always passes, so cameras behind one address do not suffer
 * from a neighbour's old key. `markUsed` is called with the id of the key of each request.
 */
export function createKeyAuth(
  keys: KeyCache,
  countInvalidKey: (address: string | undefined) => Promise<void>,
  sessions?: Sessions,
  markUsed: (id: string) => void = () => {},
): KeyAuth {
  return {
    ...(sessions ? { sessions } : {}),
    async clientOf(req, key = readKey(req)) {
      if (key === undefined) {
        const token = readSessionCookie(req);
        // Without the session the client is anonymous, so that a page redirects to the login.
        const client = token === undefined ? undefined : await sessions?.clientOf(token);
        if (client) markUsed(client.id);
        return client ?? ANONYMOUS;
      }
      const client = await keys.clientOf(key);
      if (client) {
        markUsed(client.id);
        return client;
      }
      await countInvalidKey(req.ip);
      throw unauthorized('Invalid key: unknown, revoked or expired.');
    },
  };
}
