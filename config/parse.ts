import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** Reports the errors of all variables, one line each. The message contains no values: they can be secret. */
export class ConfigError extends Error {
  constructor(errors: string[]) {
    super(`Invalid configuration:\n${errors.map((error) => `  ${error}`).join('\n')}`);
    this.name = 'ConfigError';
  }
}

/** An invalid command line. The message is printed with the usage. */
export class UsageError extends Error {}

/** The values of the given fields. */
export type Config<Fields extends z.ZodRawShape> = z.output<z.ZodObject<Fields>>;

/**
 * Returns the values of the given fields in the environment. `NAME_FILE` is the path of a file that holds the value of
 * NAME; an empty value or file counts as unset. `check` returns the errors of values that must not be combined; it gets
 * the valid ones, so that its errors appear together with those of other variables. Throws ConfigError.
 */
export function parseConfig<Fields extends z.ZodRawShape>(
  fields: Fields,
  env: Record<string, string | undefined>,
  check: (valid: Partial<Config<Fields>>) => string[] = () => [],
): Config<Fields> {
  const errors: string[] = [];
  const settings: Record<string, string> = {};
  const valid: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(fields)) {
    const { value, error } = readSetting(name, env);
    const parsed = z.safeParse(field, value || undefined);
    if (error !== undefined) errors.push(error);
    else if (parsed.success) valid[name] = parsed.data;
    else errors.push(`${name}: ${value ? parsed.error.issues[0]?.message : 'is required and not set'}`);
    if (value) settings[name] = value;
  }
  errors.push(...check(valid as Partial<Config<Fields>>)); // each value is the output of its own field
  if (errors.length > 0) throw new ConfigError(errors);
  return z.object(fields).parse(settings);
}

/** Returns the text of a variable, or of the file that `NAME_FILE` names. */
export function readSetting(
  name: string,
  env: Record<string, string | undefined>,
): { value?: string | undefined; error?: string } {
  const file = env[`${name}_FILE`];
  if (!file) return { value: env[name] };
  if (env[name]) return { error: `${name}: set ${name} or ${name}_FILE, not both` };
  try {
    return { value: readFileSync(file, 'utf8').trim() };
  } catch {
    return { error: `${name}_FILE: cannot read ${file}` };
  }
}
