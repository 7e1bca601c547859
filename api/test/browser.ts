import { request } from 'node:http';
import type { Database } from '#prisma/client.ts';
import { addKey, validKeys } from '#prisma/keys.ts';
import type { Auth, Scope } from '../auth/client.ts';
import { digest, formatKey, makeKey } from '../auth/key.ts';
import { createKeyAuth } from '../auth/key-auth.ts';
import { createKeyCache } from '../auth/key-cache.ts';

/** Callers by the keys of this database, as the api's entry has them. */
export function keyAuth(db: Database): Auth {
  return createKeyAuth(
    createKeyCache(() => validKeys(db)),
    async () => {},
  );
}

/** A new key of all stores. */
export async function keyOf(db: Database, ...scopes: Scope[]): Promise<string> {
  const key = makeKey();
  const sha256 = new Uint8Array(digest(key.secret));
  await addKey(db, { id: key.id, name: 'test', sha256, scopes, stores: [], expiresAt: null });
  return formatKey(key);
}

export type Init = { method?: string; headers?: Record<string, string>; body?: string };
export type Answer = { status: number; headers: Record<string, string | string[] | undefined>; text: string };

/** As a browser may: fetch would not let the headers through that only a browser sets. */
export async function ask(url: string, { method = 'GET', headers = {}, body }: Init = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
