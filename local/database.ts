import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { startEmbeddedPostgres } from './postgres/embedded.ts';
import { openRoles } from './postgres/roles.ts';

type Environment = Record<string, string | undefined>;

const dataDirOf = (env: Environment) => env.DATA_DIR || fileURLToPath(new URL('../data', import.meta.url));

/** Returns true if there is a DATABASE_URL, or a data folder of `npm start`. */
export function hasLocalDatabase(env: Environment): boolean {
  return Boolean(env.DATABASE_URL || env.DATABASE_URL_FILE) || existsSync(join(dataDirOf(env), 'cluster'));
}

/**
 * Calls the work with the environment that names the database of `npm start`: the one that is running, or else started for the
 * work. A given DATABASE_URL is used instead. Files of pictures and SECRETS_KEY are those of the data folder, unless given.
 */
export async function withLocalDatabase(
  env: Environment,
  work: (env: Environment) => Promise<number>,
): Promise<number> {
  if (env.DATABASE_URL || env.DATABASE_URL_FILE) return work(env);
  const dataDir = dataDirOf(env);
  const files = { ...filesOf(dataDir, env), ...env };
  const urlFile = join(dataDir, 'database-url');
  if (existsSync(urlFile)) return work({ ...files, DATABASE_URL_FILE: urlFile });
  const log = (line: string) => void process.stdout.write(`${line}\n`);
  const postgres = await startEmbeddedPostgres({ dataDir, log });
  try {
    const roles = await openRoles(postgres.url, dataDir);
    return await work({ ...files, DATABASE_URL: roles.owner }).finally(roles.close);
  } finally {
    await postgres.stop();
  }
}

function filesOf(dataDir: string, env: Environment): Environment {
  const key = join(dataDir, 'secrets_key');
  const media = join(dataDir, 'media');
  return {
    ...(!env.SECRETS_KEY && !env.SECRETS_KEY_FILE && existsSync(key) && { SECRETS_KEY_FILE: key }),
    ...(!env.MEDIA_URL && { MEDIA_URL: pathToFileURL(media).href }),
  };
}
