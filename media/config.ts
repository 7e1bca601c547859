import { z } from 'zod';

/** For a URL of which `storageLocation` returns undefined. */
export const STORAGE_URL_ERROR = 'must be file:///an/absolute/folder, or s3://a-source-of-SOURCES_FILE/prefix';
const LINK_KEYS_ERROR = 'must be comma-separated keys of 32 bytes in base64: openssl rand -base64 32';

/** Whether there are pictures, where they and copies are stored, and the keys of links. The same for api and worker. */
export const mediaFields = {
  /** `off`: the worker makes none, and the api reads none. */
  PICTURES: z.enum(['on', 'off'], 'must be on or off').default('on'),
  /** Unset: there are no pictures and no copies. */
  MEDIA_URL: z
    .string()
    .refine((url) => storageLocation(url) !== undefined, STORAGE_URL_ERROR)
    .optional(),
  /** The first key signs, all of them verify. Unset: a key derived from SECRETS_KEY. */
  LINK_KEYS: z
    .string()
    .transform((text) => text.split(',').map((key) => key.trim()))
    .refine((keys) => keys.length <= 16 && keys.every((key) => /^[A-Za-z0-9+/]{43}=$/.test(key)), LINK_KEYS_ERROR)
    .transform((keys) => keys.map((key) => Buffer.from(key, 'base64')))
    .optional(),
};

type StorageLocation = { kind: 'file'; folder: URL } | { kind: 's3'; source: string; prefix: string };

/** Returns the parts of a URL such as MEDIA_URL; undefined if it is invalid. */
export function storageLocation(text: string): StorageLocation | undefined {
  if (/^file:\/\/\/[^?#\0]+$/.test(text)) return fileLocation(text);
  const [, source, prefix = ''] = /^s3:\/\/([a-z0-9-]{1,64})(?:\/(.*))?$/.exec(text) ?? [];
  if (source === undefined || !/^([\w.-]+(\/|$))*$/.test(prefix) || /(^|\/)\.\.?(\/|$)/.test(prefix)) return undefined;
  return { kind: 's3', source, prefix: prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/` };
}

function fileLocation(text: string): StorageLocation | undefined {
  if (!URL.canParse(text) || /%(00|2f|5c)/i.test(text)) return undefined;
  const folder = new URL(text);
  return folder.pathname === '/' ? undefined : { kind: 'file', folder };
}
