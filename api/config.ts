import { z } from 'zod';
import { allowedHostsField } from '#config/allowed-hosts.ts';
import { databaseUrlField } from '#config/database-url.ts';
import { databaseFields, duration, logFields, publicUrlField, retentionFields, wholeNumber } from '#config/fields.ts';
import { type Config, parseConfig } from '#config/parse.ts';
import { allowedCidrsField } from '#destinations/address-rules.ts';
import { secretsKeyField } from '#destinations/secret-box.ts';
import { mediaFields } from '#media/config.ts';
import { observabilityFields } from '#observability/config.ts';
import { queueFields } from '#redis/contract.ts';
import { sourcesFields } from '#sources/config.ts';
import { videoExtensionsField } from './alerts/video-path.ts';
import { READ_MODES } from './audit/read-modes.ts';

/** The variables of the api. By default it listens on loopback only. */
export const apiFields = {
  ...databaseFields,
  ...queueFields,
  ...logFields,
  ...observabilityFields,
  ...sourcesFields,
  ...mediaFields,
  ...retentionFields,
  /** A standby for reads whose result may be some seconds old. */
  DATABASE_REPLICA_URL: databaseUrlField.optional(),
  REPLICA_MAX_LAG: duration('1s', '10m').prefault('5s'),
  HOST: z.string().default('127.0.0.1'),
  PORT: wholeNumber(0, 65_535).prefault('8000'),
  AUTH: z.enum(['keys', 'off'], 'must be keys or off').default('keys'),
  /** Requests per minute; 0: no limit. With AUTH=off there are no limits. */
  RATE_LIMIT_PER_KEY: wholeNumber(0, 100_000_000).prefault('30000'),
  RATE_LIMIT_PER_IP: wholeNumber(0, 100_000_000).prefault('60000'),
  RATE_LIMIT_FAILED_KEYS: wholeNumber(0, 1_000_000).prefault('30'),
  /** The host address on which a container's port is published, which the container cannot find out. */
  PUBLISHED_ON: z.string().optional(),
  /** Origins of pages that may call this api from a browser. */
  CORS_ORIGINS: z
    .string()
    .default('')
    .transform((text) =>
      text
        .split(',')
        .map((origin) => origin.trim())
        .filter(Boolean),
    )
    .refine((origins) => origins.every(isOrigin), 'must be comma-separated origins such as https://example.org'),
  /** Names of this host that AUTH=off accepts in addition to localhost and IP addresses. */
  ALLOWED_HOSTS: allowedHostsField,
  /** The number of proxies in front of this process (Express' `trust proxy`). With 0, X-Forwarded-* headers are ignored. */
  TRUST_PROXY: wholeNumber(0, 10).prefault('0'),
  /** Which reads of alerts the audit log records: none, one of 100, or all. */
  AUDIT_READS: z.enum(READ_MODES, `must be ${READ_MODES.join(', ')}`).default('off'),
  /** Event streams and `Prefer: wait` requests that each process holds open per key, or per address without keys. */
  MAX_HELD: wholeNumber(1, 10_000).prefault('32'),
  /** Encrypts the secrets of destinations. Without it, there can be none. */
  SECRETS_KEY: secretsKeyField.optional(),
  /** Base of signed links. Unset: the host of the request. */
  PUBLIC_URL: publicUrlField,
  /** The path below which nginx has the folder of MEDIA_URL. Unset: the api sends pictures and copies itself. */
  MEDIA_ACCEL: z
    .string()
    .regex(/^\/[\w-]+\/$/, 'must be a path such as /_media/')
    .optional(),
  /** Networks that destinations may be in although their addresses are not public. */
  DESTINATION_ALLOW_CIDRS: allowedCidrsField,
  /** Deliveries per second of a destination that is enabled again. */
  DELIVERY_BACKLOG_RATE: wholeNumber(1, 1_000).prefault('20'),
  /** File name extensions of videos. The name does not decide what the worker reads. */
  VIDEO_EXTENSIONS: videoExtensionsField,
  /** The origin of the video server as browsers reach it. Unset: the operator's page plays no videos. */
  VIDEO_PUBLIC_URL: z
    .url({ protocol: /^https?$/, error: 'must be a URL such as https://videos.example.com' })
    .refine(
      (url) => new URL(url).href === `${new URL(url).origin}/`,
      'must be an origin only: no path, query or password',
    )
    .transform((url) => new URL(url).origin)
    .optional(),
};

/** Returns the configuration of the api. Throws ConfigError. */
export function readApiConfig(env: Record<string, string | undefined>) {
  return parseConfig(apiFields, env, combinationErrors);
}

type ValidValues = Partial<Pick<Config<typeof apiFields>, 'AUTH' | 'HOST' | 'PUBLISHED_ON' | 'VIDEO_PUBLIC_URL'>>;

/** Returns why these values must not be combined. A value that is itself invalid is missing. */
export function combinationErrors(valid: ValidValues): string[] {
  return [exposureError(valid), videoHostError(valid)].filter((error) => error !== undefined);
}

function exposureError({ AUTH, HOST, PUBLISHED_ON = '' }: ValidValues): string | undefined {
  if (AUTH !== 'off' || HOST === undefined || isLoopback(HOST) || isLoopback(PUBLISHED_ON)) return undefined;
  return 'AUTH: off accepts requests from everyone, and HOST is not loopback. Set AUTH=keys or HOST=127.0.0.1; in a container whose port is published on loopback only, set PUBLISHED_ON=127.0.0.1';
}

/** Returns why the videos must not have this host name, or undefined. The login checks the name that a browser uses. */
function videoHostError(config: ValidValues): string | undefined {
  if (config.VIDEO_PUBLIC_URL === undefined) return undefined;
  const url = new URL(config.VIDEO_PUBLIC_URL);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (host !== config.HOST && host !== config.PUBLISHED_ON) return undefined;
  url.hostname = host === 'localhost' ? '127.0.0.1' : isLoopback(host) ? 'localhost' : 'videos.example.com';
  return `VIDEO_PUBLIC_URL: ${host} is also the api's host, and browsers send the login cookie to every port of a host. Use another host name of the video server, such as ${url.origin}`;
}

function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|::1)$/.test(host);
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && new URL(text).origin === text;
}
