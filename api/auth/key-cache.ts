import { timingSafeEqual } from 'node:crypto';
import type { ValidKey } from '#prisma/keys.ts';
import type { Client } from './client.ts';
import { digest, parseKey } from './key.ts';
import { createLoadedMap } from './loaded-map.ts';
import { SCOPES, type Scope } from './scopes.ts';

export type KeyCache = {
  /** Returns the client of a key, or undefined if the key is invalid. Throws DatabaseUnavailable. */
  clientOf(key: string): Promise<Client | undefined>;
};

const NO_DIGEST = new Uint8Array(32);

/** Returns a cache of the keys that `load` returns. A revoked key stops working within 4.5 s. */
export function createKeyCache(load: () => Promise<ValidKey[]>): KeyCache {
  const keys = createLoadedMap(async () => (await load()).map((row) => [row.id, { ...row, client: clientOfKey(row) }]));
  return {
    async clientOf(text) {
      const key = parseKey(text);
      if (!key) return undefined;
      const cached = await keys.get(key.id);
      const matches = timingSafeEqual(digest(key.secret), cached?.sha256 ?? NO_DIGEST);
      return cached && matches && !isExpired(cached) ? cached.client : undefined;
    },
  };
}

/** Returns who sends requests with a key. */
export function clientOfKey({ id, name, scopes, stores }: ValidKey): Client {
  const knownScopes = scopes.filter((scope): scope is Scope => SCOPES.some((known) => known === scope));
  return { id, name, scopes: new Set(knownScopes), stores: stores.length > 0 ? stores : undefined };
}

export function isExpired({ expiresAt }: { expiresAt: Date | null }): boolean {
  return expiresAt !== null && Date.now() >= expiresAt.getTime();
}
