import { z } from 'zod';
import { databaseFields, logFields, wholeNumber } from '#config/fields.ts';
import { ConfigError, parseConfig } from '#config/parse.ts';
import { observabilityFields } from '#observability/config.ts';
import { queueFields } from '#redis/contract.ts';

/** Every variable of the api. Loopback unless HOST says otherwise: nothing is open by default. */
export const apiFields = {
  ...databaseFields,
  ...queueFields,
  ...logFields,
  ...observabilityFields,
  HOST: z.string().default('127.0.0.1'),
  PORT: wholeNumber(0, 65_535).prefault('8000'),
  AUTH: z.enum(['keys', 'off'], 'must be keys or off').default('keys'),
  /** Requests a minute; 0: not limited. With AUTH=off nothing is. */
  RATE_LIMIT_PER_KEY: wholeNumber(0, 100_000_000).prefault('30000'),
  RATE_LIMIT_PER_IP: wholeNumber(0, 100_000_000).prefault('60000'),
  RATE_LIMIT_FAILED_KEYS: wholeNumber(0, 1_000_000).prefault('30'),
  /** Jobs that may wait: new alerts are refused while there are more. */
  QUEUE_MAX_DEPTH: wholeNumber(1, 100_000_000).prefault('100000'),
  /** Where a container's port can be reached from outside of it: the container itself cannot know. */
  PUBLISHED_ON: z.string().optional(),
  /** Exact origins of pages that may call this api from a browser. */
  CORS_ORIGINS: z
    .string()
    .default('')
    .transform((text) =>
      text
        .split(',')
        .map((origin) => origin.trim())
        .filter(Boolean),
    )
    .refine((origins) => origins.every(isOrigin), 'must be origins like https://example.org, divided by commas'),
  /** Express' `trust proxy`: how many proxies stand before this process. 0 believes no X-Forwarded-* header. */
  TRUST_PROXY: wholeNumber(0, 10).prefault('0'),
  /** Event streams and `Prefer: wait` held open at a time by one process, of one key (of one address without keys). */
  MAX_HELD: wholeNumber(1, 10_000).prefault('32'),
  /** Origin of the video server as browsers reach it. Unset: the operator's page plays no videos. */
  VIDEO_PUBLIC_URL: z
    .url({ protocol: /^https?$/, error: 'must be a URL like https://videos.example.com' })
    .refine(
      (url) => new URL(url).href === `${new URL(url).origin}/`,
      'must be an origin alone: no path, query or password',
    )
    .transform((url) => new URL(url).origin)
    .optional(),
};

/** Returns the configuration of the api. Throws ConfigError. */
export function readApiConfig(env: Record<string, string | undefined>) {
  const config = parseConfig(apiFields, env);
  const error = exposureError(config);
  if (error !== undefined) throw new ConfigError([error]);
  return config;
}

/** Returns why these settings must not be combined, or undefined. */
export function exposureError(config: {
  AUTH: string;
  HOST: string;
  PUBLISHED_ON?: string | undefined;
}): string | undefined {
  if (config.AUTH !== 'off' || isLoopback(config.HOST) || isLoopback(config.PUBLISHED_ON ?? '')) return undefined;
  return 'AUTH: off lets everyone in, and HOST is not loopback. Use AUTH=keys or HOST=127.0.0.1; in a container whose port is published on loopback alone, say PUBLISHED_ON=127.0.0.1';
}

function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|::1)$/.test(host);
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && new URL(text).origin === text;
}
