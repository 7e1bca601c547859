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

const AWAY = 'move it away to start with an empty database';

/**
 * PostgreSQL's own folder within `folder`. When PostgreSQL's user cannot enter `folder`, it is in `outside`, and a link
 * leads there, so that it is still found when that user changes. Throws one sentence for another user's folder.
 */
export async function placeCluster(
  folder: string,
  runner: Runner,
  options: { outside: string; log: (line: string) => void },
): Promise<string> {
  const home = join(folder, 'cluster');
  const made = await stat(home).catch(unless('ENOENT'));
  if (made && !runner.owners.includes(made.uid)) {
    throw new Error(`The data folder ${home} belongs to user ${made.uid}: start as that user, or use another folder`);
  }
  const linked = await readlink(home).catch(unless('ENOENT', 'EINVAL'));
  if (linked !== false) {
    await mkdir(dirname(linked), { recursive: true, mode: 0o755 });
    return linked;
  }
  if (!runner.foreign || (await reaches(runner.owner, folder))) return home;
  const outside = join(options.outside, createHash('sha256').update(folder).digest('hex').slice(0, 16), 'cluster');
  if (made) {
    throw new Error(
      `nobody, who runs PostgreSQL here, cannot enter ${home}: move that folder to ${outside}, or make the folders above it enterable (chmod o+x)`,
    );
  }
  options.log(`nobody cannot enter ${folder}: the data goes to ${outside}`);
  await mkdir(dirname(outside), { recursive: true, mode: 0o755 });
  await symlink(outside, home);
  return outside;
}

/**
 * Makes `cluster` on the first start, and checks it on every other. Returns the password of its superuser `postgres`.
 * Throws one sentence for a folder that is half-written or of another version.
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
    throw new Error(`The data folder ${folder} is another program's PostgreSQL: use another folder`);
  } else {
    options.log('making a new database (once)');
    await makeCluster(cluster, passwordFile, runner, options.durable);
  }
  const password = await readFile(passwordFile, 'utf8').catch(unless('ENOENT'));
  if (password) return password;
  throw new Error(`The data folder ${folder} lacks its file password: put it back, or ${AWAY}`);
}

async function checkCluster(cluster: string, runner: Runner): Promise<void> {
  const version = await readFile(join(cluster, 'PG_VERSION'), 'utf8').catch(unless('ENOENT'));
  const control = await exists(join(cluster, 'global/pg_control'));
  if (version === false || !control) {
    throw new Error(
      `The data folder ${cluster} is half-written (it lacks ${version === false ? 'PG_VERSION' : 'global/pg_control'}): restore it from a backup, or ${AWAY}`,
    );
  }
  if (version.trim() !== runner.version) {
    throw new Error(
      `The data folder ${cluster} was written by PostgreSQL ${version.trim()}, and this is ${runner.version}: dump it with the old one and load it here, or ${AWAY}`,
    );
  }
  if ((await stat(cluster)).uid !== runner.owner.uid) await own(cluster, runner);
}

// Made beside its place and renamed at the end: a start that is interrupted here leaves nothing that looks like data.
async function makeCluster(cluster: string, passwordFile: string, runner: Runner, durable: boolean): Promise<void> {
  const partial = `${cluster}.partial`;
  const partialPassword = `${cluster}.password`;
  // Letters, digits, - and _ only: it goes into a URL.
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
      ...(durable ? [] : ['--no-sync']),
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const closed = new Promise<number | null>((resolve, reject) => initdb.on('close', resolve).on('error', reject));
  const said = initdb.stderr ? await text(initdb.stderr) : '';
  if ((await closed) !== 0) throw new Error(`PostgreSQL could not make a database in ${partial}: ${said.trim()}`);
  await writeFile(passwordFile, password, { mode: 0o600, flush: durable });
  await rm(partialPassword);
  await rename(partial, cluster);
}

// As root, the other way to run was used last time: a user namespace, or nobody.
async function own(cluster: string, { owner }: Runner): Promise<void> {
  for (const entry of await readdir(cluster, { recursive: true })) {
    await lchown(join(cluster, entry), owner.uid, owner.gid);
  }
  await lchown(cluster, owner.uid, owner.gid);
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(() => true, unless('ENOENT'));
}
