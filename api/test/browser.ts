import { request } from 'node:http';
import type { Database } from '#prisma/client.ts';
import { addKey, validKeys } from '#prisma/keys.ts';
import type { Auth, Scope } from '../auth/client.ts';
import { digest, formatKey, makeKey } from '../auth/key.ts';
import { createKeyAuth } from '../auth/key-auth.ts';
import { createKeyCache } from '../auth/key-cache.ts';
import { createSessions } from '../auth/sessions.ts';

/** Returns the authentication by the keys of this database, as in api/index.ts. */
export function keyAuth(db: Database): Auth {
  return createKeyAuth(
    createKeyCache(() => validKeys(db)),
    async () => {},
    createSessions(db),
  );
}

/** Creates a key for all stores. */
export async function createKey(db: Database, ...scopes: Scope[]): Promise<string> {
  const key = makeKey();
  const sha256 = new Uint8Array(digest(key.secret));
  await addKey(db, { id: key.id, name: 'test', sha256, scopes, stores: [], expiresAt: null });
  return formatKey(key);
}

/** Starts a session of a key, and returns the Cookie header of the browser that has it. */
export async function createSessionCookie(db: Database, key: string): Promise<string> {
  return `alerts-session=${await createSessions(db).start({ id: key.split('_')[1] ?? '', name: 'test' }, {})}`;
}

export type RawInit = { method?: string; headers?: Record<string, string>; body?: string };
export type RawResponse = { status: number; headers: Record<string, string | string[] | undefined>; text: string };

/** Sends a request with headers that fetch() does not let scripts set: Host, Cookie, Origin, Sec-Fetch-*. */
export function sendRaw(url: string, { method = 'GET', headers = {}, body }: RawInit = {}): Promise<RawResponse> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers }, async (response) => {
      const text = await response.setEncoding('utf8').reduce((all: string, chunk: string) => all + chunk, '');
      resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
    });
    sent.on('error', reject).end(body);
  });
}
