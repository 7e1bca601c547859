import { readFileSync } from 'node:fs';
import { z } from 'zod';

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
 * Parses the environment by the given fields. `NAME_FILE` names a file that holds the value of NAME; an empty value or
 * file counts as unset. Throws ConfigError.
 */
export function parseConfig<Fields extends z.ZodRawShape>(
  fields: Fields,
  env: Record<string, string | undefined>,
): z.output<z.ZodObject<Fields>> {
  const faults = new Map<string, string>();
  const values: Record<string, string> = {};
  for (const name of Object.keys(fields)) {
    const setting = readSetting(name, env);
    if (setting.fault !== undefined) faults.set(name, setting.fault);
    else if (setting.value) values[name] = setting.value;
  }
  const parsed = z.object(fields).safeParse(values);
  if (parsed.success && faults.size === 0) return parsed.data;
  for (const issue of parsed.error?.issues ?? []) {
    const name = String(issue.path[0]);
    if (faults.has(name)) continue;
    faults.set(name, `${name}: ${name in values ? issue.message : 'is required and not set'}`);
  }
  throw new ConfigError([...faults.values()]);
}

function readSetting(
  name: string,
  env: Record<string, string | undefined>,
): { value?: string | undefined; fault?: string } {
  const file = env[`${name}_FILE`];
  if (!file) return { value: env[name] };
  if (env[name]) return { fault: `${name}: set ${name} or ${name}_FILE, not both` };
  try {
    return { value: readFileSync(file, 'utf8').trim() };
  } catch {
    return { fault: `${name}_FILE: cannot read ${file}` };
  }
}
