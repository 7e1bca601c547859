import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** The variables this room owns. Every entry needs the database, so the parser of all of them lives here too. */
export const databaseFields = {
  DATABASE_URL: z.url({
    protocol: /^postgres(ql)?$/,
    error: 'must be a URL like postgres://user:password@host:5432/name',
  }),
};

/** The faults of all variables at once, one line each; never their values. */
export class ConfigError extends Error {
  constructor(faults: string[]) {
    super(
      `The configuration has ${faults.length === 1 ? 'a fault' : 'faults'}:\n${faults.map((f) => `  ${f}`).join('\n')}`,
    );
    this.name = 'ConfigError';
  }
}

/**
 * Parses the environment by the given fields. `NAME_FILE` names a file that holds the value of NAME; an empty value
 * counts as unset. Throws ConfigError.
 */
export function parseConfig<Fields extends z.ZodRawShape>(
  fields: Fields,
  env: Record<string, string | undefined>,
): z.output<z.ZodObject<Fields>> {
  const faults: string[] = [];
  const values: Record<string, string> = {};
  for (const name of Object.keys(fields)) {
    const value = env[name] || undefined;
    const file = env[`${name}_FILE`] || undefined;
    if (value !== undefined && file !== undefined) faults.push(`${name}: set ${name} or ${name}_FILE, not both`);
    else if (value !== undefined) values[name] = value;
    else if (file !== undefined) {
      try {
        values[name] = readFileSync(file, 'utf8').trim();
      } catch {
        faults.push(`${name}_FILE: cannot read ${file}`);
      }
    }
  }
  const parsed = z.object(fields).safeParse(values);
  if (parsed.success && faults.length === 0) return parsed.data;
  const told = new Set(faults.map((fault) => fault.split(/_FILE|:/, 1)[0]));
  for (const issue of parsed.error?.issues ?? []) {
    const name = String(issue.path[0]);
    if (told.has(name)) continue;
    faults.push(`${name}: ${name in values ? issue.message : 'is required and not set'}`);
  }
  throw new ConfigError(faults);
}

/** A whole number within bounds, or a fault: never a silent default for what does not parse. */
export function wholeNumber(min: number, max: number) {
  const error = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,15}$/, error)
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
