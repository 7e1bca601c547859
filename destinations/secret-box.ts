import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { z } from 'zod';

// Layout: version (1 byte), key id (8), nonce (12), tag (16), ciphertext. A random nonce of 96 bits is safe for 2^32 messages
// per key (NIST SP 800-38D, 8.3).
const VERSION = 1;
const KEY_ID_BYTES = 8;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = 1 + KEY_ID_BYTES + NONCE_BYTES + TAG_BYTES;

/** SECRETS_KEY: 32 random bytes in base64, as `openssl rand -base64 32` prints them. */
export const secretsKeyField = z
  .string()
  .regex(/^[A-Za-z0-9+/]{43}=$/, 'must be 32 bytes in base64: openssl rand -base64 32')
  .transform((text) => Buffer.from(text, 'base64'));

/** The secrets were sealed with another key. */
export class SecretsKeyMismatch extends Error {
  readonly code = 'secrets_key_mismatch';
  /** The first 8 bytes of the SHA-256 of the key that is needed, in hexadecimal. */
  readonly neededKeyId: string;

  constructor(neededKeyId: string, givenKeyId: string) {
    super(`the secrets were sealed with the key ${neededKeyId}, but SECRETS_KEY is the key ${givenKeyId}`);
    this.name = 'SecretsKeyMismatch';
    this.neededKeyId = neededKeyId;
  }
}

/** The bytes are not what `seal` returned for this destination. */
export class SecretsDamaged extends Error {
  readonly code = 'secrets_damaged';

  constructor(cause?: unknown) {
    super('the stored secrets are damaged or belong to another destination', { cause });
    this.name = 'SecretsDamaged';
  }
}

/** Returns the name of a key: the first 8 bytes of its SHA-256, in hexadecimal. */
export function keyId(key: Uint8Array): string {
  return createHash('sha256').update(key).digest().subarray(0, KEY_ID_BYTES).toString('hex');
}

/** Encrypts a JSON value with AES-256-GCM. Only `open` with the same destination id returns it. */
export function seal(key: Uint8Array, destinationId: string, value: unknown): Uint8Array<ArrayBuffer> {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(associatedData(destinationId));
  const ciphertext = Buffer.concat([cipher.update(JSON.stringify(value), 'utf8'), cipher.final()]);
  const parts = [Buffer.of(VERSION), Buffer.from(keyId(key), 'hex'), nonce, cipher.getAuthTag(), ciphertext];
  return new Uint8Array(Buffer.concat(parts));
}

/** Returns the JSON value that was sealed. Throws SecretsKeyMismatch or SecretsDamaged. */
export function open(key: Uint8Array, destinationId: string, sealed: Uint8Array): unknown {
  const bytes = Buffer.from(sealed);
  if (bytes.length < HEADER_BYTES || bytes[0] !== VERSION) throw new SecretsDamaged();
  let offset = 1;
  const take = (length: number) => {
    offset += length;
    return bytes.subarray(offset - length, offset);
  };
  const neededKeyId = take(KEY_ID_BYTES).toString('hex');
  if (neededKeyId !== keyId(key)) throw new SecretsKeyMismatch(neededKeyId, keyId(key));
  const decipher = createDecipheriv('aes-256-gcm', key, take(NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(associatedData(destinationId));
  decipher.setAuthTag(take(TAG_BYTES));
  try {
    return JSON.parse(Buffer.concat([decipher.update(bytes.subarray(offset)), decipher.final()]).toString('utf8'));
  } catch (error) {
    throw new SecretsDamaged(error);
  }
}

function associatedData(destinationId: string): Buffer {
  return Buffer.from(destinationId.toLowerCase(), 'utf8');
}
