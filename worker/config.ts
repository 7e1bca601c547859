import { z } from 'zod';
import { archiveFields } from '#archive/config.ts';
import { databaseFields, duration, logFields, publicUrlField, retentionFields, wholeNumber } from '#config/fields.ts';
import { allowedCidrsField } from '#destinations/address-rules.ts';
import { secretsKeyField } from '#destinations/secret-box.ts';
import { mediaFields } from '#media/config.ts';
import { observabilityFields } from '#observability/config.ts';
import { queueFields } from '#redis/contract.ts';
import { sourcesFields } from '#sources/config.ts';

const PORT_OR_OFF = 'must be off or a port from 0 to 65535';
const timeZone = z.string().refine(isTimeZone, 'must be an IANA time zone such as Europe/Zurich').default('UTC');

/** All environment variables of the worker. */
export const workerFields = {
  ...databaseFields,
  ...queueFields,
  ...logFields,
  ...observabilityFields,
  ...sourcesFields,
  ...mediaFields,
  ...retentionFields,
  ...archiveFields,
  /** Origin of the video server: scheme, host and port, no path. */
  VIDEO_SERVER: z
    .url({ protocol: /^https?$/, error: 'must be a URL like http://nginx:8080' })
    .refine((url) => isOrigin(url), 'must be an origin only: no path, query, user or password')
    .default('http://127.0.0.1:8080'),
  /**
   * Concurrent attempts. More of them make larger micro-batches and each alert cheaper. Measured with one worker and one
   * api on 2 cores, Redis and small AVI files, in alerts per second and ms of CPU per alert: 8: 909 at 1.39; 32: 1,827
   * at 0.92; 64: 2,058 at 0.85; 128: 2,346 and 2,143 at 0.76 and 0.83; 250: 2,448 at 0.74.
   */
  WORKER_CONCURRENCY: wholeNumber(1, 500).prefault('128'),
  /** How long after its receipt, or after an operator's retry, an alert that fails temporarily is retried. */
  RETRY_HORIZON: duration('10s', '168h').prefault('24h'),
  /** Unset: only RETRY_HORIZON limits the attempts. */
  MAX_ATTEMPTS: wholeNumber(1, 1_000).optional(),
  MAX_CRASHES: wholeNumber(1, 100).prefault('5'),
  /** Bytes. */
  VIDEO_BYTE_BUDGET: wholeNumber(65_536, 1_073_741_824).prefault('8388608'),
  /** `any`: also MPEG streams, Flash, Windows Media and raw H.264, which ffprobe reads. */
  VIDEO_CONTENT: z.enum(['containers', 'any'], 'must be containers or any').default('containers'),
  FETCH_TIMEOUT_MS: wholeNumber(100, 600_000).prefault('10000'),
  PROBE_TIMEOUT_MS: wholeNumber(100, 600_000).prefault('5000'),
  /** Parsing a video takes milliseconds; an event loop blocked for this long will never continue. */
  EVENT_LOOP_TIMEOUT_MS: wholeNumber(1_000, 600_000).prefault('30000'),
  /** If unset, the binary of @ffprobe-installer/ffprobe. */
  FFPROBE_PATH: z.string().optional(),
  /** If unset, the ffmpeg on the PATH. */
  FFMPEG_PATH: z.string().optional(),
  /** Pictures that are made at the same time. */
  PICTURE_CONCURRENCY: wholeNumber(1, 32).prefault('1'),
  /** Bytes of a video of which a copy is made, and of the copy. */
  COPY_MAX_BYTES: wholeNumber(1_048_576, 68_719_476_736).prefault('268435456'),
  COPY_MAX_SECONDS: wholeNumber(1, 86_400).prefault('600'),
  /** Download and conversion. */
  COPY_TIMEOUT: duration('1s', '24h').prefault('15m'),
  /** Bytes of all copies but those for the archive. */
  COPY_CACHE_BYTES: wholeNumber(0, 100_000_000_000_000).prefault('5368709120'),
  /** Unset: the audit log is kept forever. */
  AUDIT_RETENTION_DAYS: wholeNumber(30, 36_500).optional(),
  /** Folder for the copies that are being made. */
  COPY_TMPDIR: z.string().optional(),
  /** Port of /livez, /readyz and /metrics; undefined: none. */
  OPS_PORT: z
    .string()
    .regex(/^(off|0|[1-9]\d{0,4})$/, PORT_OR_OFF)
    .transform((text) => (text === 'off' ? undefined : Number(text)))
    .pipe(z.number().max(65_535, PORT_OR_OFF).optional())
    .prefault('9000'),
  HOST: z.string().default('127.0.0.1'),
  NOTIFIER: z.enum(['console'], 'must be console').default('console'),
  NOTIFIER_FORMAT: z.enum(['text', 'json'], 'must be text or json').default('text'),
  TZ: timeZone,
  /** Attempts in progress per destination and worker. */
  DELIVERY_CONCURRENCY: wholeNumber(1, 100).prefault('8'),
  /** At most 40 s: a claim lasts 15 s longer, and no longer than a minute. */
  DELIVERY_TIMEOUT_MS: wholeNumber(100, 40_000).prefault('10000'),
  DELIVERY_BACKLOG_RATE: wholeNumber(1, 1_000).prefault('20'),
  DESTINATION_ALLOW_CIDRS: allowedCidrsField,
  /** The key of the destinations' secrets, the same as the api's. */
  SECRETS_KEY: secretsKeyField.optional(),
  /** Base of the links in messages. If unset, messages have no links. */
  PUBLIC_URL: publicUrlField,
  LATE_AFTER: duration('10s', '24h').prefault('2m'),
  /** Whether stores that have stopped sending alerts are reported. */
  SILENCE: z.enum(['on', 'off'], 'must be on or off').default('on'),
  /** A shorter silence is never reported. */
  SILENCE_GRACE: duration('1m', '168h').prefault('1h'),
};

function isOrigin(text: string): boolean {
  const url = new URL(text);
  return url.origin === text || `${url.origin}/` === text;
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
