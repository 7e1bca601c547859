import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { makeProbeFolder } from './temporary-folder.ts';

/** CPU seconds of one run. Most runs take 0.01, the worst seen took 0.4; shared cores take several times as long. */
const cpuSeconds = 4;
/** KiB of address space. Debian's ffprobe takes 0.3 GiB for an 8K picture, most of it for libraries. */
const memoryKiB = 1024 * 1024;

/**
 * `memory` and `cpu`: at most 1 GiB and 4 s. `writes`: no byte into a file. `processes`: no further process or thread.
 * `network`: none, and no socket of another process. `files`: it sees only itself and the video.
 */
export type Protection = 'memory' | 'cpu' | 'writes' | 'processes' | 'network' | 'files';

/** The protections that this platform offers for ffprobe, and those it does not. */
export type Sandbox = {
  restricted: Protection[];
  unrestricted: Protection[];
  /** With `files`: ffprobe needs the system's libraries, which it then sees too. */
  libraries: boolean;
};

/** What every Linux offers; a limit that the platform does not know is skipped. */
const undetected: Sandbox = { restricted: ['memory', 'cpu'], unrestricted: [], libraries: false };

// Shell commands that run before the shell becomes the program. If they fail, the shell's exit code says that the program
// did not run; `exec` ends the trap.
const failure = `trap 'exit 126' EXIT`;
// The hard CPU limit is higher than the soft one, because only the soft one ends the program with a distinct signal. No
// core is dumped.
const limits = `{ ulimit -c 0; ulimit -Ht ${cpuSeconds + 1}; ulimit -St ${cpuSeconds}; ulimit -v ${memoryKiB}; } 2>/dev/null`;
const noWrites = 'ulimit -f 0';
// dash and busybox call it -p, bash -u. It has no effect on root.
const noProcesses = '{ ulimit -p 1 || ulimit -u 1; } 2>/dev/null';

/** Runs the rest of the command line in a new, empty network namespace. */
const withoutNetwork = ['unshare', '--user', '--map-current-user', '--net'];
/** The same, and allows it to mount; mounts are invisible outside and end with it. */
const withMounts = ['unshare', '--user', '--map-root-user', '--net', '--ipc', '--mount'];
/**
 * Makes the current folder the root of the file system and drops the right to mount and to leave it: the program is not
 * root in its second user namespace, so it loses all capabilities at exec, and a chroot forbids further namespaces.
 */
const withRoot = 'exec unshare --user --map-user=65534 --map-group=65534 --root=. --wd=/ /ffprobe "$@"';
const mountProgram = `
  case $1 in /*) program=$1 ;; *) program=$(command -v "$1") || exit ;; esac
  : > ffprobe && mount --bind "$program" ffprobe || exit
  shift`;
const mountLibraries = `
  for folder in bin lib lib64 sbin usr; do
    if [ -h /$folder ]; then ln -sfn usr/$folder $folder || exit
    elif [ -d /$folder ]; then
      mkdir -p $folder && mount --bind /$folder $folder || exit
      mount -o remount,bind,ro $folder || [ ! -w /$folder ] || exit
    fi
  done
  mkdir -p etc/alternatives
  [ ! -d /etc/alternatives ] || mount --bind -o ro /etc/alternatives etc/alternatives || exit
  [ ! -e /etc/ld.so.cache ] || { : > etc/ld.so.cache && mount --bind -o ro /etc/ld.so.cache etc/ld.so.cache; } || exit`;

/**
 * Returns a command line that runs the program with these protections. With `files`, the folder in which it starts is all
 * that the program sees; that folder must not contain the program.
 */
export function sandboxed(
  { restricted, libraries }: Sandbox = undetected,
  program: string,
  args: string[],
): [shell: string, args: string[]] {
  const has = (protection: Protection) => restricted.includes(protection);
  const before = [failure, limits, ...(has('writes') ? [noWrites] : [])];
  const last = has('processes') ? [noProcesses] : [];
  const shell = (lines: string[]) => ['-c', lines.join('\n'), 'ffprobe'];
  if (has('files')) {
    const mounts = [failure, mountProgram, ...(libraries ? [mountLibraries] : []), ...last, withRoot];
    return [
      '/bin/sh',
      [...shell([...before, 'exec "$@"']), ...withMounts, '/bin/sh', ...shell(mounts), program, ...args],
    ];
  }
  const network = has('network') ? withoutNetwork : [];
  return ['/bin/sh', [...shell([...before, ...last, 'exec "$@"']), ...network, program, ...args]];
}

/** Tests which protections this platform offers for this ffprobe. Takes about 100 ms, once at the start. */
export async function detectSandbox(ffprobe: string): Promise<Sandbox> {
  const folder = await makeProbeFolder(tmpdir());
  try {
    const detected = { ...undetected, restricted: await detectLimits() };
    // Most container engines' seccomp profiles and some hardened hosts forbid user namespaces.
    const withNetwork = { ...detected, restricted: [...detected.restricted, 'network' as const] };
    if ((await outputOf(sandboxed(withNetwork, 'true', []), folder)) === undefined) return complete(detected);
    for (const libraries of [false, true]) {
      const withFiles = { ...withNetwork, restricted: [...withNetwork.restricted, 'files' as const], libraries };
      if ((await outputOf(sandboxed(withFiles, ffprobe, ['-version']), folder)) !== undefined)
        return complete(withFiles);
    }
    return complete(withNetwork);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function complete({ restricted, libraries }: Sandbox): Sandbox {
  const all: Protection[] = ['memory', 'cpu', 'writes', 'processes', 'network', 'files'];
  return { restricted, unrestricted: all.filter((protection) => !restricted.includes(protection)), libraries };
}

async function detectLimits(): Promise<Protection[]> {
  const shell = (line: string) => outputOf(['/bin/sh', ['-c', line]], '/');
  const printed = await shell(`${limits}; ${noWrites}; ulimit -v; ulimit -St; ulimit -f`);
  const [memory = Number.NaN, cpu = Number.NaN, writes = Number.NaN] = (printed ?? '').split('\n').map(Number);
  const forked = await shell(`${noProcesses}; (exit 0); exit $?`);
  const results: [Protection, boolean][] = [
    ['memory', memory <= memoryKiB],
    ['cpu', cpu <= cpuSeconds],
    ['writes', writes === 0],
    ['processes', forked === undefined],
  ];
  return results.flatMap(([protection, works]) => (works ? [protection] : []));
}

/** A program that hangs must not delay the start of the worker any further. */
const DETECTION_TIMEOUT_MS = 10_000;

/** Returns what a program prints; undefined if it fails, hangs, or does not exist. */
function outputOf([program, args]: [string, string[]], cwd: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const limited = { timeout: DETECTION_TIMEOUT_MS, killSignal: 'SIGKILL' } as const;
    const child = spawn(program, args, { cwd, env: {}, stdio: ['ignore', 'pipe', 'ignore'], ...limited });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.once('error', () => resolve(undefined));
    child.once('close', (code) => resolve(code === 0 ? output : undefined));
  });
}
