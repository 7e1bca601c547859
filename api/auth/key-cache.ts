import { timingSafeEqual } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { singleFlight } from '#async/single-flight.ts';
import type { ValidKey } from '#prisma/keys.ts';
import { type Client, SCOPES, type Scope } from './client.ts';
import { digest, parseKey } from './key.ts';

// A revoked key stops working on every replica within MAX_AGE_MS. Each load reads all valid keys, so clients that send
// unknown keys fill no memory and cost the database one query per RELOAD_MS.
const REFRESH_MS = 2_000;
const MAX_AGE_MS = 4_500;
const RELOAD_MS = 500;

export type KeyCache = {
  /** Returns the client of a key, or undefined if the key is invalid. Throws DatabaseUnavailable. */
  clientOf(key: string): Promise<Client | undefined>;
};

type CachedKey = { client: Client; sha256: Uint8Array; expiresAt: number };

const NO_DIGEST = new Uint8Array(32);

/** Returns a cache of the keys that `load` returns. */
export function createKeyCache(load: () => Promise<ValidKey[]>): KeyCache {
  let keys = new Map<string, CachedKey>();
  let loadedAt = -Infinity;
  const refresh = singleFlight(async () => {
    // The age counts from the start of the query: a key revoked while it runs may still be in its result.
    const startedAt = performance.now();
    const rows = await load();
    keys = new Map(rows.map((row) => [row.id, cachedKey(row)]));
    loadedAt = startedAt;
  });
  const reload = singleFlight(async () => {
    await sleep(Math.max(0, loadedAt + RELOAD_MS - performance.now()));
    await refresh();
  });
  return {
    async clientOf(text) {
      const key = parseKey(text);
      if (!key) return undefined;
      const age = performance.now() - loadedAt;
      if (age > MAX_AGE_MS) await refresh();
      else if (age > REFRESH_MS) refresh().catch(() => {}); // after MAX_AGE_MS a request waits for it and gets its error
      const requestedAt = performance.now();
      // The key may be new: only a load that started after the request can rule that out.
      while (!keys.has(key.id) && loadedAt < requestedAt) await reload();
      const cached = keys.get(key.id);
      const matches = timingSafeEqual(digest(key.secret), cached?.sha256 ?? NO_DIGEST);
      return cached && matches && Date.now() < cached.expiresAt ? cached.client : undefined;
    },
  };
}

function cachedKey({ id, name, sha256, scopes, stores, expiresAt }: ValidKey): CachedKey {
  const knownScopes = scopes.filter((scope): scope is Scope => SCOPES.some((known) => known === scope));
  const client = { id, name, scopes: new Set(knownScopes), stores: stores.length > 0 ? stores : undefined };
  return { client, sha256, expiresAt: expiresAt?.getTime() ?? Infinity };
}
