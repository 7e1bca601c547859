import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { makeTemporaryFolder } from './temporary-folder.ts';

/** What one run of a program may use. */
export type Limits = {
  cpuSeconds: number;
  /** KiB of address space, which includes libraries and memory that is reserved but not used. */
  memoryKiB: number;
  /** KiB that it may write into one file; 0: no byte. */
  fileKiB: number;
  /** Processes and threads, its own included. */
  threads: number;
};

/**
 * `memory`, `cpu`, `writes` and `processes`: the limits above. `network`: none, and no socket of another process. `files`:
 * it sees only itself and the folder in which it starts.
 */
export type Protection = 'memory' | 'cpu' | 'writes' | 'processes' | 'network' | 'files';

/** The protections that this platform offers for a program, and those it does not. */
export type Sandbox = {
  restricted: Protection[];
  unrestricted: Protection[];
  /** With `files`: the program needs the system's libraries, which it then sees too. */
  libraries: boolean;
  limits: Limits;
};

/** Returns a sandbox with what every Linux offers; a limit that the platform does not know is skipped. */
export function undetectedSandbox(limits: Limits): Sandbox {
  return { restricted: ['memory', 'cpu'], unrestricted: [], libraries: false, limits };
}

// Shell commands that run before the shell becomes the program. If they fail, the shell's exit code says that the program
// did not run; `exec` ends the trap.
const failure = `trap 'exit 126' EXIT`;
// If the machine or the container runs out of memory, the system ends this program rather than the worker.
const firstToEnd = '{ echo 1000 > /proc/self/oom_score_adj; } 2>/dev/null';
// The hard CPU limit is higher than the soft one, because only the soft one ends the program with a distinct signal. No
// core is dumped.
const use = ({ cpuSeconds, memoryKiB }: Limits) =>
  `{ ulimit -c 0; ulimit -Ht ${cpuSeconds + 1}; ulimit -St ${cpuSeconds}; ulimit -v ${memoryKiB}; } 2>/dev/null`;
/** In POSIX shells the unit is half a KiB. */
const writes = ({ fileKiB }: Limits) => `ulimit -f ${2 * fileKiB}`;
// dash and busybox call it -p, bash -u. It has no effect on root.
const processes = ({ threads }: Limits) => `{ ulimit -p ${threads} || ulimit -u ${threads}; } 2>/dev/null`;

/** Runs the rest of the command line in a new, empty network namespace. */
const withoutNetwork = ['unshare', '--user', '--map-current-user', '--net'];
/** The same, and allows it to mount; mounts are invisible outside and end with it. */
const withMounts = ['unshare', '--user', '--map-root-user', '--net', '--ipc', '--mount'];
/**
 * Makes the current folder the root of the file system and drops the right to mount and to leave it: the program is not
 * root in its second user namespace, so it loses all capabilities at exec, and a chroot forbids further namespaces.
 */
const withRoot = 'exec unshare --user --map-user=65534 --map-group=65534 --root=. --wd=/ /program "$@"';
const mountProgram = `
  case $1 in /*) program=$1 ;; *) program=$(command -v "$1") || exit ;; esac
  : > program && mount --bind "$program" program || exit
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
  { restricted, libraries, limits }: Sandbox,
  program: string,
  args: string[],
): [shell: string, args: string[]] {
  const has = (protection: Protection) => restricted.includes(protection);
  const before = [failure, firstToEnd, use(limits), ...(has('writes') ? [writes(limits)] : [])];
  const last = has('processes') ? [processes(limits)] : [];
  const shell = (lines: string[]) => ['-c', lines.join('\n'), 'sandbox'];
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

/**
 * Tests which protections this platform offers for this program, which must accept `-version`. Takes about 100 ms, once
 * at the start.
 */
export async function detectSandbox(program: string, limits: Limits): Promise<Sandbox> {
  const folder = await makeTemporaryFolder(tmpdir());
  try {
    const found = await detectLimits(limits);
    // Threads count for all processes of the user, except in a user namespace of its own: only there a limit above 1 makes
    // sense.
    const perUser = limits.threads === 1 ? found : found.filter((each) => each !== 'processes');
    const detected = { ...undetectedSandbox(limits), restricted: perUser };
    // Most container engines' seccomp profiles and some hardened hosts forbid user namespaces.
    const withNetwork = { ...detected, restricted: [...detected.restricted, 'network' as const] };
    if ((await outputOf(sandboxed(withNetwork, 'true', []), folder)) === undefined) return complete(detected);
    for (const libraries of [false, true]) {
      const withFiles = { ...detected, restricted: [...found, 'network' as const, 'files' as const], libraries };
      if ((await outputOf(sandboxed(withFiles, program, ['-version']), folder)) !== undefined)
        return complete(withFiles);
    }
    return complete(withNetwork);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function complete(sandbox: Sandbox): Sandbox {
  const { restricted } = sandbox;
  const all: Protection[] = ['memory', 'cpu', 'writes', 'processes', 'network', 'files'];
  return { ...sandbox, unrestricted: all.filter((protection) => !restricted.includes(protection)) };
}

async function detectLimits(limits: Limits): Promise<Protection[]> {
  const shell = (line: string) => outputOf(['/bin/sh', ['-c', line]], '/');
  const printed = await shell(`${use(limits)}; ${writes(limits)}; ulimit -v; ulimit -St; ulimit -f`);
  const [memory = Number.NaN, cpu = Number.NaN, written = Number.NaN] = (printed ?? '').split('\n').map(Number);
  const forked = await shell(`${processes({ ...limits, threads: 1 })}; (exit 0); exit $?`);
  const results: [Protection, boolean][] = [
    ['memory', memory <= limits.memoryKiB],
    ['cpu', cpu <= limits.cpuSeconds],
    ['writes', written <= 2 * limits.fileKiB],
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
