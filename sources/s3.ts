import type { GcsSettings, S3Settings } from './schema.ts';

export type S3Credentials = { accessKeyId: string; secretAccessKey: string; sessionToken?: string | undefined };

/** A bucket of S3, or of a server with its interface. */
export type S3Source = {
  kind: 's3';
  /** Scheme, host and, with path style, the bucket. It has no slash at the end. */
  url: string;
  region: string;
  bucket: string;
  /** Keys begin with it. */
  prefix: string;
  /** Undefined: requests are not signed. */
  credentials: S3Credentials | undefined;
  /** Reads the credentials again. */
  readCredentials: () => S3Credentials | undefined;
  /** `ca` replaces the default certificate authorities. */
  tls: { ca?: string | undefined };
};

export type Environment = Record<string, string | undefined>;

/** Reads the file that a setting names; undefined if the setting is missing or the file cannot be read. */
type Read = (field: string, path: string | undefined) => string | undefined;

type Options = { read: Read; tls: S3Source['tls'] };

/** Returns the bucket of the settings. `onError` gets the errors of credentials. */
export function openS3(
  settings: S3Settings,
  { read, tls, env, onError }: Options & { env: Environment; onError: (field: string, error: string) => void },
): S3Source {
  const { region, bucket, prefix = '', path_style = false } = settings;
  const endpoint = new URL(settings.endpoint ?? `https://s3.${region}.amazonaws.com`).origin;
  const { protocol, host } = new URL(endpoint);
  const readCredentials = () =>
    settings.credentials === 'environment' ? fromEnvironment(env) : fromFiles(settings, read);
  const credentials = readCredentials();
  if (settings.credentials === 'environment' && !credentials) {
    onError('credentials', 'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set');
  }
  return {
    kind: 's3',
    url: path_style ? `${endpoint}/${bucket}` : `${protocol}//${bucket}.${host}`,
    ...{ region, bucket, prefix, credentials, readCredentials, tls },
  };
}

/** Returns the bucket of Google Cloud Storage. Its XML API accepts requests signed for S3. */
export function openGcs(settings: GcsSettings, { read, tls }: Options): S3Source {
  const { bucket, prefix = '' } = settings;
  const readCredentials = () => {
    const accessKeyId = read('access_id_file', settings.access_id_file);
    const secretAccessKey = read('secret_file', settings.secret_file);
    return accessKeyId && secretAccessKey ? { accessKeyId, secretAccessKey } : undefined;
  };
  const url = `${new URL(settings.endpoint ?? 'https://storage.googleapis.com').origin}/${bucket}`;
  const credentials = readCredentials();
  return { kind: 's3', url, region: 'auto', bucket, prefix, credentials, readCredentials, tls };
}

function fromEnvironment(env: Environment): S3Credentials | undefined {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = env;
  if (!AWS_ACCESS_KEY_ID || !AWS_SECRET_ACCESS_KEY) return undefined;
  const sessionToken = AWS_SESSION_TOKEN || undefined;
  return { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY, sessionToken };
}

function fromFiles(settings: S3Settings, read: Read): S3Credentials | undefined {
  const accessKeyId = read('access_key_id_file', settings.access_key_id_file);
  const secretAccessKey = read('secret_access_key_file', settings.secret_access_key_file);
  const sessionToken = read('session_token_file', settings.session_token_file);
  return accessKeyId && secretAccessKey ? { accessKeyId, secretAccessKey, sessionToken } : undefined;
}
