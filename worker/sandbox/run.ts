import { type ChildProcess, spawn } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import { type Sandbox, sandboxed } from './sandbox.ts';

type Command = {
  /** What errors call the program. */
  name: string;
  /** Path of the binary, or its name on the PATH. */
  program: string;
  args: string[];
  /** Where it starts; see `sandboxed`. */
  folder: string;
  /** Its only environment variables. */
  env?: Record<string, string>;
  sandbox: Sandbox;
  /** Kills the program and all its children. */
  stop: AbortSignal;
  /** The program is killed when it has written more to its standard output. */
  maxOutputBytes: number;
  /** Whether any other process takes precedence (nice 19). */
  lowPriority?: boolean;
  /** Whether it is killed at once if this process ends without having stopped it. Needed for what runs for minutes. */
  endsWithWorker?: boolean;
  /** Receives the standard output instead of `Exit.output`. */
  onOutput?: (chunk: Buffer) => void;
};

export type Exit = {
  code: number | null;
  signal: NodeJS.Signals | null;
  output: Buffer;
  /** The beginning of the standard error output: printable characters only. */
  errorOutput: string;
  tooMuchOutput: boolean;
};

const maxErrorOutput = 2048;
/** Signals by which a program crashes on its input. */
const crashSignals = new Set(['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGFPE', 'SIGILL', 'SIGTRAP', 'SIGSYS']);

/** Runs the rest of the command line. The worker never writes to the pipe, which is closed when the worker has ended. */
const untilWorkerEnds = `
  exec 3<&0 0</dev/null
  { read -r _ <&3; kill -KILL 0; } >/dev/null 2>&1 &
  exec "$@" 3<&-`;

/**
 * Runs a program in its sandbox and returns how it ended, also when `stop` has killed it. Throws the signal's reason if it
 * is aborted before, or a plain Error if the program cannot be run.
 */
export async function runSandboxed(command: Command): Promise<Exit> {
  const { name, program, args, folder, env = {}, sandbox, stop, lowPriority, endsWithWorker } = command;
  stop.throwIfAborted();
  const [shell, shellArgs] = sandboxed(sandbox, program, args);
  // Detached: a process group of its own, which can be killed as a whole.
  const options = { cwd: folder, env, detached: true };
  const child = endsWithWorker
    ? spawn('/bin/sh', ['-c', untilWorkerEnds, 'sandbox', shell, ...shellArgs], { ...options, stdio: 'pipe' })
    : spawn(shell, shellArgs, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  if (lowPriority && child.pid !== undefined) lowerPriority(child.pid);
  const kill = () => killGroup(child);
  stop.addEventListener('abort', kill, { once: true });
  try {
    const exit = await exitOf(child, command);
    if (!stop.aborted) checkThatItRan(exit, name, program);
    return exit;
  } finally {
    stop.removeEventListener('abort', kill);
    // Any process that it left running.
    killGroup(child);
  }
}

/** Whether the program ended by a crash, which its input has caused. */
export function hasCrashed({ signal }: Pick<Exit, 'signal'>): boolean {
  return signal !== null && crashSignals.has(signal);
}

/** The shell becomes the program, which keeps its priority. */
function lowerPriority(pid: number): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_LOW);
  } catch (error) {
    if (!hasEnded(error)) throw error;
  }
}

function exitOf(child: ChildProcess, { name, program, maxOutputBytes, onOutput }: Command): Promise<Exit> {
  const output: Buffer[] = [];
  let length = 0;
  let errors = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length > maxOutputBytes) killGroup(child);
    else if (onOutput) onOutput(chunk);
    else output.push(chunk);
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    errors = (errors + chunk.toString('latin1')).slice(0, maxErrorOutput);
  });
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => reject(new Error(`cannot run ${name}: ${program}`, { cause })));
    child.once('close', (code, signal) => {
      const errorOutput = errors.replace(/[^\x21-\x7e]+/g, ' ').trim();
      resolve({ code, signal, output: Buffer.concat(output), errorOutput, tooMuchOutput: length > maxOutputBytes });
    });
  });
}

function checkThatItRan({ code, errorOutput }: Exit, name: string, program: string): void {
  if (code === 0) return;
  const cause = new Error(errorOutput);
  // The shell's exit codes for a program that is not executable or not found, which is not a failure of the video.
  if (code === 126 || code === 127) {
    throw new Error(`cannot run ${name}: ${program}`, { cause: Object.assign(cause, { syscall: 'exec' }) });
  }
  // The system has no namespace left, for example. A video cannot make the program print this.
  if (errorOutput.startsWith('unshare: ')) {
    throw new Error(`cannot run ${name} in its sandbox`, { cause: Object.assign(cause, { syscall: 'unshare' }) });
  }
}

/** A process group outlives its leader while it has members, and its number is not reused before. */
function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if (!hasEnded(error)) throw error;
  }
}

/** macOS answers EPERM for a process that has exited but was not reaped yet. */
function hasEnded(error: unknown): boolean {
  return error instanceof Error && 'code' in error && ['ESRCH', 'EPERM', 'ERR_SYSTEM_ERROR'].includes(`${error.code}`);
}
