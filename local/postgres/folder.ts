import { createHash, randomBytes } from 'node:crypto';
import {
  chown,
  lchown,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { unless } from './lock.ts';
import { type Runner, reaches } from './user.ts';

const MOVE = 'move it away to start with an empty database';

/**
 * Returns the path of PostgreSQL's folder in `folder`. If PostgreSQL's user cannot enter `folder`, the data is in `outside`
 * and a link points there, so that it is found after a change of that user. Throws one sentence for another user's folder.
 */
export async function placeCluster(
  folder: string,
  runner: Runner,
  options: { outside: string; log: (line: string) => void },
): Promise<string> {
  const home = join(folder, 'cluster');
  const existing = await stat(home).catch(unless('ENOENT'));
  if (existing && !runner.owners.includes(existing.uid)) {
    throw new Error(
      `The data folder ${home} belongs to user ${existing.uid}. Start as that user, or use another folder`,
    );
  }
  const linked = await readlink(home).catch(unless('ENOENT', 'EINVAL'));
  if (linked !== false) {
    await mkdir(dirname(linked), { recursive: true, mode: 0o755 });
    return linked;
  }
  if (!runner.foreign || (await reaches(runner.owner, folder))) return home;
  const outside = join(options.outside, createHash('sha256').update(folder).digest('hex').slice(0, 16), 'cluster');
  if (existing) {
    throw new Error(
      `PostgreSQL runs as the user nobody here, which cannot enter ${home}. Move that folder to ${outside}, or make its parent folders accessible (chmod o+x)`,
    );
  }
  options.log(`The user nobody cannot enter ${folder}. Storing the data in ${outside}`);
  await mkdir(dirname(outside), { recursive: true, mode: 0o755 });
  await symlink(outside, home);
  return outside;
}

/**
 * Creates `cluster` on the first start and checks it on every other. Returns the password of its superuser `postgres`.
 * Throws one sentence for a folder that is incomplete or of another version.
 */
export async function openCluster(
  folder: string,
  cluster: string,
  runner: Runner,
  options: { durable: boolean; log: (line: string) => void },
): Promise<string> {
  const passwordFile = join(folder, 'password');
  if (await exists(cluster)) {
    await checkCluster(cluster, runner);
  } else if (await exists(join(folder, 'PG_VERSION'))) {
    throw new Error(`The data folder ${folder} contains another program's PostgreSQL. Use another folder`);
  } else {
    options.log('Creating the database (first start only)');
    await createCluster(cluster, passwordFile, runner, options.durable);
  }
  const password = await readFile(passwordFile, 'utf8').catch(unless('ENOENT'));
  if (password) return password;
  throw new Error(`The file password is missing in the data folder ${folder}. Restore it, or ${MOVE}`);
}

async function checkCluster(cluster: string, runner: Runner): Promise<void> {
  const version = await readFile(join(cluster, 'PG_VERSION'), 'utf8').catch(unless('ENOENT'));
  const control = await exists(join(cluster, 'global/pg_control'));
  if (version === false || !control) {
    throw new Error(
      `The data folder ${cluster} is incomplete (${version === false ? 'PG_VERSION' : 'global/pg_control'} is missing). Restore it from a backup, or ${MOVE}`,
    );
  }
  if (version.trim() !== runner.version) {
    throw new Error(
      `The data folder ${cluster} was written by PostgreSQL ${version.trim()}, and this is PostgreSQL ${runner.version}. Dump it with the old version and load it here, or ${MOVE}`,
    );
  }
  if ((await stat(cluster)).uid !== runner.owner.uid) await changeOwner(cluster, runner);
}

// Created under another name and renamed at the end: an interrupted start leaves nothing that looks like data.
async function createCluster(cluster: string, passwordFile: string, runner: Runner, durable: boolean): Promise<void> {
  const partial = `${cluster}.partial`;
  const partialPassword = `${cluster}.password`;
  // Letters, digits, - and _ only, because it is part of a URL.
  const password = randomBytes(24).toString('base64url');
  await rm(partial, { recursive: true, force: true });
  await rm(partialPassword, { force: true });
  await mkdir(partial, { mode: 0o700 });
  await writeFile(partialPassword, password, { mode: 0o600, flag: 'wx' });
  if (runner.foreign) {
    await chown(partial, runner.owner.uid, runner.owner.gid);
    await chown(partialPassword, runner.owner.uid, runner.owner.gid);
  }
  const initdb = runner.run(
    'initdb',
    [
      `--pgdata=${partial}`,
      '--username=postgres',
      `--pwfile=${partialPassword}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      '--no-instructions',
      ...(durable ? [] : ['--no-sync', '--set=scram_iterations=1']),
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const closed = new Promise<number | null>((resolve, reject) => initdb.on('close', resolve).on('error', reject));
  const stderr = initdb.stderr ? await text(initdb.stderr) : '';
  if ((await closed) !== 0) throw new Error(`PostgreSQL could not create a database in ${partial}: ${stderr.trim()}`);
  await writeFile(passwordFile, password, { mode: 0o600, flush: durable });
  await rm(partialPassword);
  await rename(partial, cluster);
}

// As root, PostgreSQL last ran the other way: in a user namespace, or as nobody.
async function changeOwner(cluster: string, { owner }: Runner): Promise<void> {
  for (const entry of await readdir(cluster, { recursive: true })) {
    await lchown(join(cluster, entry), owner.uid, owner.gid);
  }
  await lchown(cluster, owner.uid, owner.gid);
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(() => true, unless('ENOENT'));
}
