import { spawn } from 'node:child_process';

/** CPU seconds of one run. Most runs take 0.01, the worst seen took 0.4; shared cores take several times as long. */
const cpuSeconds = 4;
/** KiB of address space. Debian's ffprobe takes 0.3 GiB for an 8K picture, most of it for libraries. */
const memoryKiB = 1024 * 1024;

/**
 * Shell commands that run before the shell becomes the program; a limit that the platform does not know is skipped. The
 * hard CPU limit is higher than the soft one, because only the soft one ends the program with a distinct signal. No core
 * is dumped.
 */
const limits = `{ ulimit -c 0; ulimit -Ht ${cpuSeconds + 1}; ulimit -St ${cpuSeconds}; ulimit -v ${memoryKiB}; } 2>/dev/null`;

/** Runs the rest of the command line in a new, empty network namespace. */
const withoutNetwork = ['unshare', '--user', '--map-current-user', '--net'];

/** Of memory, cpu and network: which this platform lets us restrict for ffprobe, and which not. */
export type Sandbox = { restricted: string[]; unrestricted: string[] };

/** Returns a command line that runs the program under the limits, and without network if the sandbox restricts it. */
export function sandboxed(
  sandbox: Sandbox | undefined,
  program: string,
  args: string[],
): [shell: string, args: string[]] {
  const network = sandbox?.restricted.includes('network') ? withoutNetwork : [];
  return ['/bin/sh', ['-c', `${limits}; exec "$@"`, 'ffprobe', ...network, program, ...args]];
}

/** Tests what this platform lets us restrict. Takes about 10 ms, once at the start. */
export async function detectSandbox(): Promise<Sandbox> {
  const printed = await outputOf('/bin/sh', ['-c', `${limits}; ulimit -v; ulimit -St`]);
  const [memory = Number.NaN, cpu = Number.NaN] = (printed ?? '').split('\n').map(Number);
  const results: [string, boolean][] = [
    ['memory', memory <= memoryKiB],
    ['cpu', cpu <= cpuSeconds],
    // User namespaces: most container engines' seccomp profiles and some hardened hosts forbid them.
    [
      'network',
      (await outputOf(...sandboxed({ restricted: ['network'], unrestricted: [] }, 'true', []))) !== undefined,
    ],
  ];
  const names = (wanted: boolean) => results.filter(([, works]) => works === wanted).map(([name]) => name);
  return { restricted: names(true), unrestricted: names(false) };
}

/** Returns what a program prints; undefined if it fails or does not exist. */
function outputOf(program: string, args: string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { env: {}, stdio: ['ignore', 'pipe', 'ignore'] });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.once('error', () => resolve(undefined));
    child.once('close', (code) => resolve(code === 0 ? output : undefined));
  });
}
