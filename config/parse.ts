import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** Reports the errors of all variables, one line each. The message contains no values: they can be secret. */
export class ConfigError extends Error {
  constructor(errors: string[]) {
    super(`Invalid configuration:\n${errors.map((error) => `  ${error}`).join('\n')}`);
    this.name = 'ConfigError';
  }
}

/**
 * Returns the values of the given fields in the environment. `NAME_FILE` is the path of a file that holds the value of
 * NAME; an empty value or file counts as unset. Throws ConfigError.
 */
export function parseConfig<Fields extends z.ZodRawShape>(
  fields: Fields,
  env: Record<string, string | undefined>,
): z.output<z.ZodObject<Fields>> {
  const errors = new Map<string, string>();
  const values: Record<string, string> = {};
  for (const name of Object.keys(fields)) {
    const setting = readSetting(name, env);
    if (setting.error !== undefined) errors.set(name, setting.error);
    else if (setting.value) values[name] = setting.value;
  }
  const parsed = z.object(fields).safeParse(values);
  if (parsed.success && errors.size === 0) return parsed.data;
  for (const issue of parsed.error?.issues ?? []) {
    const name = String(issue.path[0]);
    if (errors.has(name)) continue;
    errors.set(name, `${name}: ${name in values ? issue.message : 'is required and not set'}`);
  }
  throw new ConfigError([...errors.values()]);
}

function readSetting(
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
