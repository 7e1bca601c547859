import { z } from 'zod';

/** The variables this room owns. Every entry needs the database, so the parser of all of them lives here too. */
export const databaseFields = {
  DATABASE_URL: z.url({
    protocol: /^postgres(ql)?$/,
    error: 'must be a URL like postgres://user:password@host:5432/name',
  }),
};

/** A whole number within bounds, or a fault: never a silent default for what does not parse. */
export function wholeNumber(min: number, max: number) {
  const error = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^(0|[1-9]\d{0,14})$/, error)
    .transform(Number)
    .pipe(z.number().min(min, error).max(max, error));
}

/** pino's levels. */
export const logFields = {
  LOG_LEVEL: z
    .enum(
      ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
      'must be trace, debug, info, warn, error, fatal or silent',
    )
    .default('info'),
};
