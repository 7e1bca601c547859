import { z } from 'zod';
import { databaseUrlField } from './database-url.ts';

/** Every entry file needs the database. */
export const databaseFields = {
  DATABASE_URL: databaseUrlField,
  /** For what needs a session. If set, DATABASE_URL is that of a pooler such as PgBouncer. */
  DATABASE_DIRECT_URL: databaseUrlField.optional(),
};

type DatabaseUrls = { DATABASE_URL: string; DATABASE_DIRECT_URL?: string | undefined };

/** Returns the URL for what needs a session: migrations, session locks, LISTEN, the queue on PostgreSQL, and commands. */
export function directUrl({ DATABASE_URL, DATABASE_DIRECT_URL }: DatabaseUrls): string {
  return DATABASE_DIRECT_URL ?? DATABASE_URL;
}

/** Returns whether DATABASE_URL is that of a pooler, which gives each transaction another session. */
export function isPooled({ DATABASE_DIRECT_URL }: Pick<DatabaseUrls, 'DATABASE_DIRECT_URL'>): boolean {
  return DATABASE_DIRECT_URL !== undefined;
}

/** Returns a field for a whole number from `min` to `max`. An invalid value is an error and never replaced by a default. */
export function wholeNumber(min: number, max: number) {
  const error = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^(0|[1-9]\d{0,14})$/, error)
    .transform(Number)
    .pipe(z.number().min(min, error).max(max, error));
}

/** PUBLIC_URL: base of the links to the operator's page and to pictures. */
export const publicUrlField = z
  .url({ protocol: /^https?$/, error: 'must be a URL like https://alerts.example.com' })
  .optional();

const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000 };

/** Returns a field for a duration such as `90s`, `5m` or `24h`, from `min` to `max`; its value is in milliseconds. */
export function duration(min: string, max: string) {
  const error = `must be a duration from ${min} to ${max}, such as 90s, 5m or 24h`;
  return z
    .string()
    .regex(DURATION, error)
    .transform(toMs)
    .pipe(z.number().min(toMs(min), error).max(toMs(max), error));
}

const DURATION = /^([1-9]\d{0,8})([smh])$/;

function toMs(text: string): number {
  const [, count, unit] = DURATION.exec(text) ?? [];
  return Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS]; // the expression allows no other unit
}

/** How long alerts are kept, for the worker that deletes them and the api that shows it. Unset: forever. */
export const retentionFields = { RETENTION_DAYS: wholeNumber(1, 36_500).optional() };

/** The log levels of pino. */
export const logFields = {
  LOG_LEVEL: z
    .enum(
      ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
      'must be trace, debug, info, warn, error, fatal or silent',
    )
    .default('info'),
};
