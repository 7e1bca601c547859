import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Returns the path of the file that holds SECRETS_KEY, which encrypts the secrets of destinations. The first start creates it,
 * readable by its owner only. Without it, the stored secrets cannot be read.
 */
export async function ensureSecretsKey(dataDir: string): Promise<string> {
  const file = join(dataDir, 'secrets_key');
  await mkdir(dataDir, { recursive: true });
  const key = randomBytes(32).toString('base64');
  await writeFile(file, `${key}\n`, { mode: 0o600, flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  return file;
}
