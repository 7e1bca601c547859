import { hash, randomBytes } from 'node:crypto';

/** Written as `va_<id>_<secret>`. The id is public; the secret is 256 random bits in base64url. */
export type Key = { id: string; secret: string };

export function makeKey(): Key {
  return { id: randomBytes(5).toString('hex'), secret: randomBytes(32).toString('base64url') };
}

export function formatKey({ id, secret }: Key): string {
  return `va_${id}_${secret}`;
}

const KEY = /^va_([0-9a-f]{10})_([\w-]{43})$/;

/** Returns the parts of a key, or undefined if the text has another format. */
export function parseKey(text: string): Key | undefined {
  const [, id, secret] = KEY.exec(text) ?? [];
  return id !== undefined && secret !== undefined ? { id, secret } : undefined;
}

/** Returns the digest that the database stores. No salt and no slow hash: 256 random bits cannot be guessed. */
export function digest(secret: string): Buffer {
  return hash('sha256', secret, 'buffer');
}
