// For tests only, and beside the rooms because no room owns the machine: redis needs a server, nginx a server, the pages a browser.
import { execFile } from 'node:child_process';
import { access, constants, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const APT_TIME_LIMIT_MS = 300_000;

/** Where ordinary users have no server programs on their PATH: Debian keeps nginx in /usr/sbin. */
const SERVER_FOLDERS = ['/usr/local/sbin', '/usr/sbin'];

export interface SystemPart {
  /** Names under which the program is known, the preferred one first. */
  commands: readonly string[];
  /** The Debian and Ubuntu package that brings it. */
  aptPackage: string;
}

export interface Machine {
  /** A PATH: folders divided by the system's delimiter. */
  searchPath: string;
  /** True for root: apt-get, where there is one, may be run. */
  mayInstall: boolean;
  /** Takes one line for whoever watches the run. */
  say: (line: string) => void;
}

export type FoundPart = { path: string } | { missing: string };

/**
 * Looks for a program and, as root on Debian or Ubuntu, installs it.
 * @returns its absolute path, or one sentence that says what to install. Never throws for a missing part.
 */
export async function findSystemPart(part: SystemPart, machine: Machine): Promise<FoundPart> {
  const path = await findCommand(part.commands, machine.searchPath);
  if (path) return { path };
  const missing = `${part.commands.join(' or ')} is not installed: install the package ${part.aptPackage}`;
  const apt = machine.mayInstall ? await findCommand(['apt-get'], machine.searchPath) : undefined;
  if (!apt) return { missing };
  machine.say(`${part.commands[0]} is not installed: apt-get install ${part.aptPackage} …`);
  const fault = await aptInstall(apt, part.aptPackage);
  const installed = await findCommand(part.commands, machine.searchPath);
  return installed ? { path: installed } : { missing: `${missing} (apt-get could not: ${fault})` };
}

/**
 * The program on the machine that runs the tests. Missing, it is told on stderr, so that the suite can be skipped; with
 * CI set it throws, as a run that skips proves less than it says.
 */
export async function findPartForTests(part: SystemPart, env: { PATH?: string; CI?: string }): Promise<FoundPart> {
  const say = (line: string) => void process.stderr.write(`${line}\n`);
  const found = await findSystemPart(part, {
    searchPath: env.PATH ?? '',
    mayInstall: process.getuid?.() === 0,
    say,
  });
  if ('path' in found) return found;
  if (env.CI && env.CI !== 'false') throw new Error(`${found.missing}. With CI set a missing part fails the run.`);
  say(`${found.missing}. The tests that need it are skipped.`);
  return found;
}

async function findCommand(commands: readonly string[], searchPath: string): Promise<string | undefined> {
  const folders = [...searchPath.split(delimiter).filter(Boolean), ...SERVER_FOLDERS];
  for (const command of commands) {
    for (const folder of folders) {
      const path = join(folder, command);
      if (await isExecutable(path)) return path;
    }
  }
  return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** @returns what apt-get said last when it failed, else an empty string. */
async function aptInstall(apt: string, aptPackage: string): Promise<string> {
  const idle = await makeIdleServiceTools();
  const path = [idle, ...SERVER_FOLDERS, '/usr/local/bin', '/usr/bin', '/sbin', '/bin'].join(delimiter);
  const options = { timeout: APT_TIME_LIMIT_MS, env: { PATH: path, DEBIAN_FRONTEND: 'noninteractive' } };
  const run = promisify(execFile);
  let fault = '';
  // execFile puts what the program wrote to stderr behind its own words.
  const note = (error: Error) => {
    fault = error.message.trim().split('\n').at(-1) ?? '';
  };
  // An update that fails (one unreachable source) need not keep the old lists from being good enough.
  await run(apt, ['update'], options).catch(note);
  const settings = ['-o', `DPkg::Path=${path}`, '-o', 'DPkg::Lock::Timeout=120'];
  await run(apt, [...settings, 'install', '-y', '--no-install-recommends', aptPackage], options).catch(note);
  await rm(idle, { recursive: true });
  return fault;
}

/**
 * A folder to put first on dpkg's PATH: the tools with which a package starts its service, doing nothing. A test run
 * may leave no service behind, neither now nor at the next boot. The official switch, /usr/sbin/policy-rc.d, belongs
 * to the machine and would stay there when the run is killed.
 */
async function makeIdleServiceTools(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'idle-service-tools-'));
  for (const tool of ['invoke-rc.d', 'deb-systemd-invoke', 'update-rc.d', 'deb-systemd-helper']) {
    await symlink('/bin/true', join(folder, tool));
  }
  return folder;
}
