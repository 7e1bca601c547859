import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import { type Environment, openGcs, openS3, type S3Source } from './s3.ts';
import type { HttpSettings, SourceSettings } from './schema.ts';

export type Tls = { ca?: string | undefined; cert?: string | undefined; key?: string | undefined };

/** A source with the content of its files. */
export type Source = HttpSource | S3Source;

/** A web server. */
export type HttpSource = {
  kind: 'http';
  /** Paths of videos are appended to it. It has no slash at the end. */
  url: string;
  headers: Record<string, string>;
  /** The value of the header Authorization. */
  authorization: string | undefined;
  tls: Tls;
};

type Options = {
  /** Relative paths start here. */
  folder: string;
  /** Credentials of S3 can be in the environment. */
  env: Environment;
  onError: (field: string, error: string) => void;
};

/** Returns the source with its credentials and certificates. Errors go to `onError`; then the result is incomplete. */
export function openSource(settings: SourceSettings, options: Options): Source {
  const read = (field: string, path: string | undefined) => readValue(field, path, options);
  if (settings.kind === 'http') return openHttp(settings, options);
  const tls = openTls({ ca: read('ca_file', settings.ca_file) }, options);
  return settings.kind === 's3' ? openS3(settings, { ...options, read, tls }) : openGcs(settings, { read, tls });
}

type FileSetting = 'password_file' | 'bearer_file' | 'ca_file' | 'cert_file' | 'key_file';

function openHttp(settings: HttpSettings, options: Options): HttpSource {
  const read = (field: FileSetting) => readValue(field, settings[field], options);
  const { url, headers = {}, username } = settings;
  const password = read('password_file');
  const bearer = read('bearer_file');
  return {
    kind: 'http',
    url: new URL(url).href.replace(/\/+$/, ''),
    headers,
    authorization: authorizationOf({ username, password, bearer }, options),
    tls: openTls({ ca: read('ca_file'), cert: read('cert_file'), key: read('key_file') }, options),
  };
}

type Credentials = Record<'username' | 'password' | 'bearer', string | undefined>;

function authorizationOf({ username, password, bearer }: Credentials, { onError }: Options): string | undefined {
  if (username !== undefined) return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  if (bearer === undefined) return undefined;
  // The characters of RFC 6750. A line break would end the header.
  if (!/^[\w.~+/-]+=*$/.test(bearer)) onError('bearer_file', 'does not contain a bearer token');
  return `Bearer ${bearer}`;
}

function openTls(tls: Tls, { onError }: Options): Tls {
  try {
    // Not createSecureContext: it accepts any text, and then trusts no server.
    if (tls.ca !== undefined) new X509Certificate(tls.ca);
  } catch {
    onError('ca_file', 'does not contain certificates in PEM');
  }
  if (tls.cert === undefined || tls.key === undefined) return tls;
  try {
    createSecureContext({ cert: tls.cert, key: tls.key });
  } catch {
    onError('key_file', 'cert_file and key_file do not contain a certificate and its key in PEM');
  }
  return tls;
}

function readValue(field: string, path: string | undefined, { folder, onError }: Options): string | undefined {
  if (path === undefined) return undefined;
  try {
    const text = readFileSync(resolve(folder, path), 'utf8').trim();
    if (text !== '') return text;
    onError(field, `${path} is empty`);
  } catch {
    onError(field, `cannot read ${path}`);
  }
  return undefined;
}
