import { type ParseArgsConfig, parseArgs } from 'node:util';
import { z } from 'zod';
import { databaseFields, directUrl } from '#config/fields.ts';
import { type Config, parseConfig, UsageError } from '#config/parse.ts';
import { secretsKeyField } from '#destinations/secret-box.ts';
import { mediaFields } from '#media/config.ts';
import { type MediaStore, openConfiguredStore } from '#media/store.ts';
import { queueFields } from '#redis/contract.ts';
import { sourcesFields } from '#sources/config.ts';
import packageJson from '../package.json' with { type: 'json' };

export type Environment = Record<string, string | undefined>;

const fields = {
  ...databaseFields,
  ...sourcesFields,
  MEDIA_URL: mediaFields.MEDIA_URL,
  SECRETS_KEY: secretsKeyField.optional(),
  QUEUE_URL: queueFields.QUEUE_URL.optional(),
  PG_DUMP_PATH: z.string().optional(),
};

/** Returns the variables of the commands of this folder, with the direct URL as DATABASE_URL. Throws ConfigError. */
export function readSettings(env: Environment): Config<typeof fields> & { PATH: string | undefined } {
  const settings = parseConfig(fields, env);
  return { ...settings, DATABASE_URL: directUrl(settings), PATH: env.PATH };
}

/** Returns the same variables for a command that can do without DATABASE_URL. Throws ConfigError. */
export function readOptionalSettings(env: Environment) {
  const optional = { ...fields, DATABASE_URL: fields.DATABASE_URL.optional() };
  const settings = parseConfig(optional, env);
  const { DATABASE_URL, DATABASE_DIRECT_URL } = settings;
  return { ...settings, DATABASE_URL: DATABASE_DIRECT_URL ?? DATABASE_URL, PATH: env.PATH };
}

/** Returns the store of MEDIA_URL. Throws UsageError without one. */
export function openMedia(settings: Config<typeof fields>, env: Environment): MediaStore {
  const store = openConfiguredStore(settings, env);
  if (store === undefined) throw new UsageError('--media needs MEDIA_URL, the place of pictures and copies.');
  return store;
}

/** Returns the options of the command line. Throws UsageError. */
export function readOptions<Shape extends z.ZodRawShape>(
  args: string[],
  options: ParseArgsConfig['options'],
  shape: Shape,
): z.output<z.ZodObject<Shape>> | 'help' {
  let values: Record<string, unknown>;
  try {
    values = parseArgs({ args, options: { ...options, help: { type: 'boolean', short: 'h' } } }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  if (values.help) return 'help';
  const parsed = z.object(shape).safeParse(values);
  if (parsed.success) return parsed.data;
  throw new UsageError(parsed.error.issues.map(({ message }) => `${message}.`).join('\n'));
}

/** Runs a command, and prints its error. Returns the exit code: 0, 1 for an error, 2 for an invalid command line. */
export async function runCommand(usage: string, command: () => Promise<number>): Promise<number> {
  try {
    return await command();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    process.stderr.write(`${error.message}\n${error instanceof UsageError ? `\n${usage}` : ''}`);
    return error instanceof UsageError ? 2 : 1;
  }
}

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** The version of this program. */
export const programVersion: string = packageJson.version;
