import { spawn } from 'node:child_process';

/** CPU seconds of one run; it takes 0.01 mostly, 0.4 at the worst seen, and several times that where cores are shared. */
const cpuSeconds = 4;
/** KiB of address space. Debian's ffprobe takes 0.3 GiB for an 8K picture, and most of that is libraries. */
const memoryKiB = 1024 * 1024;

/**
 * Set by the shell that then becomes the program: a limit that the platform does not know is left out. The hard limit of
 * CPU time lies above the soft one, as only the soft one tells by its signal what was the matter. No core is dumped.
 */
const limits = `{ ulimit -c 0; ulimit -Ht ${cpuSeconds + 1}; ulimit -St ${cpuSeconds}; ulimit -v ${memoryKiB}; } 2>/dev/null`;

/** Runs the rest of the command line in a network of its own, in which there is nothing. */
const withoutNetwork = ['unshare', '--user', '--map-current-user', '--net'];

export type Sandbox = {
  /** Of memory, cpu and network, those that ffprobe is kept from here. */
  holds: string[];
  lacks: string[];
};

/** A command line: the program with its arguments under the limits, and without network where the cage holds that. */
export function sandboxed(cage: Sandbox | undefined, program: string, args: string[]): [shell: string, args: string[]] {
  const network = cage?.holds.includes('network') ? withoutNetwork : [];
  return ['/bin/sh', ['-c', `${limits}; exec "$@"`, 'ffprobe', ...network, program, ...args]];
}

/** Tries out what this platform lets us do; some 10 ms, once at the start. */
export async function detectSandbox(): Promise<Sandbox> {
  const printed = await outputOf('/bin/sh', ['-c', `${limits}; ulimit -v; ulimit -St`]);
  const [memory = Number.NaN, cpu = Number.NaN] = (printed ?? '').split('\n').map(Number);
  const found: [string, boolean][] = [
    ['memory', memory <= memoryKiB],
    ['cpu', cpu <= cpuSeconds],
    // User namespaces: forbidden by the seccomp profile of most container engines and on some hardened hosts.
    ['network', (await outputOf(...sandboxed({ holds: ['network'], lacks: [] }, 'true', []))) !== undefined],
  ];
  const names = (held: boolean) => found.filter(([, holds]) => holds === held).map(([name]) => name);
  return { holds: names(true), lacks: names(false) };
}

/** What a program prints; undefined where it fails or is not there. */
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
