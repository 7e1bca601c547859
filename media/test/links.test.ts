import { randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '#config/parse.ts';
import { mediaFields } from '../config.ts';
import { type LinkQuery, linkKeys, signLink, verifyLink } from '../links.ts';

const base64 = () => randomBytes(32).toString('base64');
const keysOf = (...texts: string[]) => linkKeys(parseConfig(mediaFields, { LINK_KEYS: texts.join(', ') }));
const NOW = new Date('2026-11-26T12:00:00.500Z');
const inSeconds = (seconds: number) => new Date(NOW.getTime() + seconds * 1000);
const [A, B] = [base64(), base64()];
const keys = keysOf(A);
const link = { uuid: randomUUID(), of: 'picture', version: 0 } as const;

/** Returns the query of a link that is valid for a minute. */
function queryOf(
  signing = keys,
  signed: Parameters<typeof signLink>[1] = { ...link, expiresAt: inSeconds(60) },
): LinkQuery {
  const url = new URL(signLink(signing, signed, NOW), 'http://host');
  return Object.fromEntries(url.searchParams) as LinkQuery;
}

describe('a link', () => {
  it('is valid for the alert, kind and version that it was signed for, until it expires', () => {
    const path = signLink(keys, { ...link, expiresAt: inSeconds(60) }, NOW);
    expect(path).toMatch(
      new RegExp(`^/media/picture/${link.uuid}\\?expires=1795694460&key=[0-9a-f]{16}&signature=[\\w-]{43}$`),
    );
    const query = queryOf();
    expect(verifyLink(keys, link, query, NOW)).toBe('ok');
    expect(verifyLink(keys, link, query, inSeconds(59))).toBe('ok');
    expect(verifyLink(keys, link, query, inSeconds(60))).toBe('expired');
    expect(verifyLink(keys, { ...link, uuid: randomUUID() }, query, NOW)).toBe('invalid');
    expect(verifyLink(keys, { ...link, of: 'copy' }, query, NOW)).toBe('invalid');
    expect(verifyLink(keys, { ...link, version: 1 }, query, NOW)).toBe('invalid');
  });

  it('cannot be changed', () => {
    const query = queryOf();
    const later = `${Number(query.expires) + 1}`;
    const forged: LinkQuery[] = [
      ...[
        later,
        `0${query.expires}`,
        `+${query.expires}`,
        `${query.expires} `,
        '',
        'Infinity',
        `${query.expires}.0`,
      ].map((expires) => ({ ...query, expires })),
      ...['', 'x', `${query.signature}=`, `${query.signature}A`, query.signature.slice(1), 'A'.repeat(43)].map(
        (signature) => ({ ...query, signature }),
      ),
      ...['', '__proto__', '0'.repeat(16), query.key.toUpperCase()].map((key) => ({ ...query, key })),
    ];
    for (const each of forged) {
      if (JSON.stringify(each) === JSON.stringify(query)) continue;
      expect(verifyLink(keys, link, each, NOW), JSON.stringify(each)).toBe('invalid');
    }
  });

  it('has one form: unused bits of the signature cannot be set', () => {
    const query = queryOf();
    const last = query.signature.at(-1) ?? '';
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const other = alphabet[alphabet.indexOf(last) ^ 1];
    expect(verifyLink(keys, link, { ...query, signature: query.signature.slice(0, -1) + other }, NOW)).toBe('invalid');
  });

  it('is signed with the first key, and verified with all of them', () => {
    const rotated = keysOf(B, A);
    expect(verifyLink(rotated, link, queryOf(), NOW)).toBe('ok');
    expect(verifyLink(keys, link, queryOf(rotated), NOW)).toBe('invalid');
    expect(verifyLink(keysOf(B), link, queryOf(rotated), NOW)).toBe('ok');
    expect(verifyLink(keysOf(B), link, queryOf(), NOW)).toBe('invalid');
  });

  it('is valid for at most 24 hours', () => {
    expect(() => signLink(keys, { ...link, expiresAt: inSeconds(86_402) }, NOW)).toThrow('at most 24 hours');
    expect(verifyLink(keys, link, queryOf(keys, { ...link, expiresAt: inSeconds(86_400) }), NOW)).toBe('ok');
  });

  it('needs a key: LINK_KEYS, or one derived from SECRETS_KEY', () => {
    expect(() => signLink(linkKeys({}), { ...link, expiresAt: inSeconds(60) }, NOW)).toThrow(
      'LINK_KEYS or SECRETS_KEY',
    );
    expect(verifyLink([], link, queryOf(), NOW)).toBe('invalid');
    const SECRETS_KEY = randomBytes(32);
    const derived = linkKeys({ SECRETS_KEY });
    expect(derived).toEqual(linkKeys({ SECRETS_KEY }));
    expect(Buffer.from(derived[0]?.key ?? []).equals(SECRETS_KEY)).toBe(false);
    expect(verifyLink(derived, link, queryOf(derived), NOW)).toBe('ok');
    expect(linkKeys({ SECRETS_KEY, LINK_KEYS: [randomBytes(32)] })).not.toContainEqual(derived[0]);
  });
});
