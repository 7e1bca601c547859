import { randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { keyId, open, SecretsDamaged, SecretsKeyMismatch, seal, secretsKeyField } from '../secret-box.ts';

const key = randomBytes(32);
const id = randomUUID();
const value = { signing_secret: { secret: 'whsec_x' }, headers: { authorization: 'Bearer ü' } };

describe('secret box', () => {
  it('returns what was sealed, and never seals the same bytes', () => {
    expect(open(key, id, seal(key, id, value))).toEqual(value);
    expect(open(key, id.toUpperCase(), seal(key, id, value))).toEqual(value);
    expect(seal(key, id, value)).not.toEqual(seal(key, id, value));
    expect(Buffer.from(seal(key, id, value)).includes('whsec_x')).toBe(false);
  });

  it('has the documented layout', () => {
    const sealed = Buffer.from(seal(key, id, value));
    expect(sealed[0]).toBe(1);
    expect(sealed.subarray(1, 9).toString('hex')).toBe(keyId(key));
    expect(sealed.length).toBe(1 + 8 + 12 + 16 + Buffer.byteLength(JSON.stringify(value)));
  });

  it('rejects every changed byte, and a part', () => {
    const sealed = seal(key, id, value);
    for (let n = 0; n < sealed.length; n++) {
      const changed = Uint8Array.from(sealed);
      changed[n] = (changed[n] ?? 0) ^ 1;
      expect(() => open(key, id, changed)).toThrow(n >= 1 && n <= 8 ? SecretsKeyMismatch : SecretsDamaged);
    }
    for (const length of [0, 1, 36, sealed.length - 1]) {
      expect(() => open(key, id, sealed.subarray(0, length))).toThrow(SecretsDamaged);
    }
  });

  it('rejects the secrets of another destination', () => {
    expect(() => open(key, randomUUID(), seal(key, id, value))).toThrow(SecretsDamaged);
  });

  it('names the key that is needed, and no key material', () => {
    const other = randomBytes(32);
    const attempt = () => open(other, id, seal(key, id, value));
    expect(attempt).toThrow(SecretsKeyMismatch);
    expect(attempt).toThrow(`sealed with the key ${keyId(key)}, but SECRETS_KEY is the key ${keyId(other)}`);
  });
});

describe('SECRETS_KEY', () => {
  it('is 32 bytes in base64', () => {
    expect(secretsKeyField.parse(key.toString('base64'))).toEqual(key);
  });

  it.each([
    '',
    'secret',
    randomBytes(16).toString('base64'),
    randomBytes(33).toString('base64'),
    randomBytes(32).toString('hex'),
    `${randomBytes(32).toString('base64')}\n`,
  ])('is not %j', (text) => {
    expect(secretsKeyField.safeParse(text).success).toBe(false);
  });
});
