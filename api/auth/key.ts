import { hash, randomBytes } from 'node:crypto';

/** `va_<id>_<secret>`: the id is public and names the key, the secret is 256 random bits in base64url. */
export type Key = { id: string; secret: string };

export function makeKey(): Key {
  return { id: randomBytes(5).toString('hex'), secret: randomBytes(32).toString('base64url') };
}

export function formatKey({ id, secret }: Key): string {
  return `va_${id}_${secret}`;
}

const FORM = /^va_([0-9a-f]{10})_([\w-]{43})$/;

/** The parts of what looks like a key, else undefined. */
export function parseKey(text: string): Key | undefined {
  const [, id, secret] = FORM.exec(text) ?? [];
  return id !== undefined && secret !== undefined ? { id, secret } : undefined;
}

/** What is stored of a secret. No salt and no slow hash: 256 random bits cannot be guessed. */
export function digest(secret: string): Buffer {
  return hash('sha256', secret, 'buffer');
}
