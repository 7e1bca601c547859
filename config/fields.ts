import { z } from 'zod';

/** Every entry file needs the database. */
export const databaseFields = {
  DATABASE_URL: z.url({
    protocol: /^postgres(ql)?$/,
    error: 'must be a URL like postgres://user:password@host:5432/name',
  }),
};

/** Returns a field for a whole number from `min` to `max`. An invalid value is an error and never replaced by a default. */
export function wholeNumber(min: number, max: number) {
  const error = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^(0|[1-9]\d{0,14})$/, error)
    .transform(Number)
    .pipe(z.number().min(min, error).max(max, error));
}

/** The log levels of pino. */
export const logFields = {
  LOG_LEVEL: z
    .enum(
      ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
      'must be trace, debug, info, warn, error, fatal or silent',
    )
    .default('info'),
};
