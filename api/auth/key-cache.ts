import { timingSafeEqual } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiKey } from '#prisma/keys.ts';
import { type Caller, SCOPES, type Scope } from './caller.ts';
import { digest, parseKey } from './key.ts';

// A revoked key stops within LONGEST_MS on every replica. All good keys are read at once, every REFRESH_MS while keys are
// shown: whoever shows unknown ones fills no memory and costs the database one query in ASK_AGAIN_MS.
const REFRESH_MS = 2_000;
const LONGEST_MS = 4_500;
const ASK_AGAIN_MS = 500;

export type KeyCache = {
  /** Whose key this is; undefined where it is not good. Throws DatabaseUnavailable. */
  callerOf(key: string): Promise<Caller | undefined>;
};

type Held = { caller: Caller; sha256: Uint8Array; expiresAt: number };
type Keys = { at: number; byId: Map<string, Held> };

const NO_DIGEST = new Uint8Array(32);

/** The keys that `load` tells, kept for some seconds. */
export function createKeyCache(load: () => Promise<ApiKey[]>): KeyCache {
  let keys: Keys = { at: -Infinity, byId: new Map() };
  let loading: Promise<Keys> | undefined;
  const refresh = (): Promise<Keys> => {
    // Its age counts from the question: what was revoked while it was answered may be missing.
    const at = performance.now();
    loading ??= load()
      .then((rows) => {
        keys = { at, byId: new Map(rows.map((row) => [row.id, held(row)])) };
        return keys;
      })
      .finally(() => {
        loading = undefined;
      });
    return loading;
  };
  let asking: Promise<unknown> | undefined;
  const askAgain = (): Promise<unknown> => {
    asking ??= sleep(Math.max(0, keys.at + ASK_AGAIN_MS - performance.now()))
      .then(refresh)
      .finally(() => {
        asking = undefined;
      });
    return asking;
  };
  return {
    async callerOf(text) {
      const shown = parseKey(text);
      if (!shown) return undefined;
      const age = performance.now() - keys.at;
      if (age > LONGEST_MS) await refresh();
      else if (age > REFRESH_MS) refresh().catch(() => {}); // who comes after LONGEST_MS waits for one and gets its error
      const asked = performance.now();
      // It may have been made just now: only what was read since tells.
      while (!keys.byId.has(shown.id) && keys.at < asked) await askAgain();
      const key = keys.byId.get(shown.id);
      const right = timingSafeEqual(digest(shown.secret), key?.sha256 ?? NO_DIGEST);
      return key && right && Date.now() < key.expiresAt ? key.caller : undefined;
    },
  };
}

function held({ id, name, sha256, scopes, stores, expiresAt }: ApiKey): Held {
  const known = scopes.filter((scope): scope is Scope => SCOPES.some((each) => each === scope));
  const caller = { id, name, scopes: new Set(known), stores: stores.length > 0 ? stores : undefined };
  return { caller, sha256, expiresAt: expiresAt?.getTime() ?? Infinity };
}
