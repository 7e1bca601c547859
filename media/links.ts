import { createHash, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import type { MediaKind } from './types.ts';

/** `id`: the first 8 bytes of the key's SHA-256, in hexadecimal. */
export type LinkKey = { id: string; key: Uint8Array };

/** The longest time that a link is valid. */
export const MAX_LINK_SECONDS = 86_400;

type Link = {
  uuid: string;
  of: MediaKind;
  /** The number of times that the alert's links were revoked. */
  version: number;
};

/** The query of a link, as it was sent. */
export type LinkQuery = { expires: string; key: string; signature: string };

/** Returns the keys of links: LINK_KEYS, or else one that is derived from SECRETS_KEY. Without both there are none. */
export function linkKeys(config: {
  LINK_KEYS?: readonly Uint8Array[] | undefined;
  SECRETS_KEY?: Uint8Array | undefined;
}): LinkKey[] {
  const { LINK_KEYS, SECRETS_KEY } = config;
  if (LINK_KEYS) return LINK_KEYS.map(named);
  if (SECRETS_KEY === undefined) return [];
  return [named(new Uint8Array(hkdfSync('sha256', SECRETS_KEY, '', 'video-alerts links', 32)))];
}

function named(key: Uint8Array): LinkKey {
  return { id: createHash('sha256').update(key).digest('hex').slice(0, 16), key };
}

/**
 * Returns the path and query of a link to an alert's picture or copy, signed with the first key. Throws RangeError if there
 * is no key, or if the link would be valid for more than MAX_LINK_SECONDS.
 */
export function signLink(keys: readonly LinkKey[], link: Link & { expiresAt: Date }, now = new Date()): string {
  const [key] = keys;
  if (key === undefined) throw new RangeError('links need LINK_KEYS or SECRETS_KEY');
  const expires = Math.floor(link.expiresAt.getTime() / 1000);
  if (expires > now.getTime() / 1000 + MAX_LINK_SECONDS) throw new RangeError('a link is valid for at most 24 hours');
  const signature = signatureOf(key, link, `${expires}`).toString('base64url');
  return `${linkPath(link)}?expires=${expires}&key=${key.id}&signature=${signature}`;
}

/** Returns whether the link was signed with one of the keys and is still valid. The time does not depend on the signature. */
export function verifyLink(
  keys: readonly LinkKey[],
  link: Link,
  query: LinkQuery,
  now = new Date(),
): 'ok' | 'expired' | 'invalid' {
  const key = keys.find(({ id }) => id === query.key);
  // One form only: a CDN would store each further form of a link as another file.
  if (key === undefined || !/^[1-9]\d{0,10}$/.test(query.expires)) return 'invalid';
  if (!/^[\w-]{43}$/.test(query.signature)) return 'invalid';
  const given = Buffer.from(query.signature, 'base64url');
  if (given.toString('base64url') !== query.signature) return 'invalid';
  if (!timingSafeEqual(given, signatureOf(key, link, query.expires))) return 'invalid';
  return Number(query.expires) <= now.getTime() / 1000 ? 'expired' : 'ok';
}

function linkPath({ of, uuid }: Link): string {
  return `/media/${of}/${uuid}`;
}

function signatureOf({ id, key }: LinkKey, link: Link, expires: string): Buffer {
  return createHmac('sha256', key)
    .update(`${linkPath(link)}\n${expires}\n${id}\n${link.version}`)
    .digest();
}
