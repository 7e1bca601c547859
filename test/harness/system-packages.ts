// Finds the programs that tests need and npm does not bring: a Redis, nginx, a browser, Prometheus.
import { execFile } from 'node:child_process';
import { access, constants, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const APT_TIMEOUT_MS = 300_000;

/** Server programs that are not on an ordinary user's PATH: Debian keeps nginx in /usr/sbin. */
const SERVER_FOLDERS = ['/usr/local/sbin', '/usr/sbin'];

export type SystemProgram = {
  /** Names of the program, the preferred one first. */
  commands: readonly string[];
  /** The Debian and Ubuntu package that contains it. */
  aptPackage: string;
};

export type Machine = {
  /** A PATH: folders separated by the system's delimiter. */
  searchPath: string;
  /** true for root: apt-get, if there is one, may be run. */
  mayInstall: boolean;
  /** Prints one line for the person who watches the run. */
  print: (line: string) => void;
};

export type FoundProgram = { path: string } | { missing: string };

/**
 * Finds a program and, as root on Debian or Ubuntu, installs it. Returns its absolute path, or one sentence that says
 * what to install. Never throws for a missing program.
 */
export async function findOrInstallProgram(program: SystemProgram, machine: Machine): Promise<FoundProgram> {
  const path = await findProgram(program.commands, machine.searchPath);
  if (path) return { path };
  const missing = `${program.commands.join(' or ')} is not installed: install the package ${program.aptPackage}`;
  const apt = machine.mayInstall ? await findProgram(['apt-get'], machine.searchPath) : undefined;
  if (!apt) return { missing };
  machine.print(`${program.commands[0]} is not installed: apt-get install ${program.aptPackage} …`);
  const error = await aptInstall(apt, program.aptPackage);
  const installed = await findProgram(program.commands, machine.searchPath);
  return installed ? { path: installed } : { missing: `${missing} (apt-get failed: ${error})` };
}

/**
 * Returns a program for the tests. If it is missing, prints that on stderr, so that the suite can be skipped; with CI set
 * it throws, because a run that skips tests proves less than it seems to.
 */
export async function findTestProgram(
  program: SystemProgram,
  env: { PATH?: string; CI?: string },
): Promise<FoundProgram> {
  const print = (line: string) => void process.stderr.write(`${line}\n`);
  const found = await findOrInstallProgram(program, {
    searchPath: env.PATH ?? '',
    mayInstall: process.getuid?.() === 0,
    print,
  });
  if ('path' in found) return found;
  if (env.CI && env.CI !== 'false') throw new Error(`${found.missing}. With CI set, a missing program fails the run.`);
  print(`${found.missing}. The tests that need it are skipped.`);
  return found;
}

/** Returns the path of the first of these programs in a folder of `searchPath`, a PATH, or of the server programs. */
export async function findProgram(names: readonly string[], searchPath: string): Promise<string | undefined> {
  const folders = [...searchPath.split(delimiter).filter(Boolean), ...SERVER_FOLDERS];
  for (const name of names) {
    for (const folder of folders) {
      const path = join(folder, name);
      if (await isExecutable(path)) return path;
    }
  }
  return undefined;
}

function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** Returns the last line of apt-get's error, or an empty string. */
async function aptInstall(apt: string, aptPackage: string): Promise<string> {
  const idleTools = await makeIdleServiceTools();
  const path = [idleTools, ...SERVER_FOLDERS, '/usr/local/bin', '/usr/bin', '/sbin', '/bin'].join(delimiter);
  const options = { timeout: APT_TIMEOUT_MS, env: { PATH: path, DEBIAN_FRONTEND: 'noninteractive' } };
  const run = promisify(execFile);
  let lastError = '';
  // execFile appends the program's stderr to its own message.
  const note = (error: Error) => {
    lastError = error.message.trim().split('\n').at(-1) ?? '';
  };
  // If the update fails (one source is unreachable), the old package lists may still be good enough.
  await run(apt, ['update'], options).catch(note);
  const settings = ['-o', `DPkg::Path=${path}`, '-o', 'DPkg::Lock::Timeout=120'];
  await run(apt, [...settings, 'install', '-y', '--no-install-recommends', aptPackage], options).catch(note);
  await rm(idleTools, { recursive: true });
  return lastError;
}

/**
 * Makes a folder to put first on dpkg's PATH: the tools with which a package starts its service, doing nothing. A test
 * run must not leave a service behind, neither now nor at the next boot. The official switch, /usr/sbin/policy-rc.d,
 * belongs to the machine and would stay there if the run were killed.
 */
async function makeIdleServiceTools(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'idle-service-tools-'));
  for (const tool of ['invoke-rc.d', 'deb-systemd-invoke', 'update-rc.d', 'deb-systemd-helper']) {
    await symlink('/bin/true', join(folder, tool));
  }
  return folder;
}
