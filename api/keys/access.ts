import type { ApiKey } from '#prisma/keys.ts';
import { type Client, canAccessStore } from '../auth/client.ts';
import { Problem } from '../http/problem.ts';

type Grant = Pick<ApiKey, 'scopes' | 'stores'>;

/** Returns whether a client may see and revoke a key: it is limited to stores that the client may access itself. */
export function canManageKey(client: Client, { stores }: Pick<Grant, 'stores'>): boolean {
  if (client.stores === undefined) return true;
  return stores.length > 0 && stores.every((store) => canAccessStore(client, store));
}

/** Throws a Problem if a key with these scopes and stores could do more than the client itself. */
export function checkGrant(client: Client, { scopes, stores }: Grant): void {
  const own = new Set<string>(client.scopes);
  const missing = scopes.filter((scope) => !own.has(scope));
  if (missing.length > 0) {
    throw new Problem(
      'forbidden',
      `The key ${client.id} lacks the scope ${missing.join(', ')}, so it cannot grant it.`,
    );
  }
  if (!canManageKey(client, { stores })) {
    throw new Problem('forbidden', `The key ${client.id} is limited to stores: name some of these in stores.`);
  }
}
