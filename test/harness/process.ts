import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, createWriteStream, openSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { type OutputPipe, openOutputPipe } from './output-pipe.ts';

const ROOT = join(import.meta.dirname, '../..');
/** Generous: a start takes 2 s on an idle machine and has taken 40 s on a busy one. */
export const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 60_000;

export type ProcessOptions = {
  /** For messages. */
  name: string;
  /** A Node entry file, relative to the repository. It is ready when it sends an IPC message, unless `readyLine` is set. */
  entry?: string;
  /** Any other program; it is ready at its `readyLine`. */
  file?: string;
  args?: string[];
  /** Options for Node, in front of the entry. */
  nodeArgs?: string[];
  /** The whole environment: of this process's own environment, only NODE_COMPILE_CACHE is added. */
  env?: Record<string, string>;
  cwd?: string;
  /** The line of output that says the process is ready. */
  readyLine?: RegExp | undefined;
  onLine?: ((line: string) => void) | undefined;
  /** Every line is appended to this file, too. */
  logFile?: string | undefined;
  /** The output goes to this file and `lines` stays empty: for measurements, because reading lines takes CPU time. */
  unreadFile?: string | undefined;
  /** true: the output can be blocked with `outputPipe`. */
  blockable?: boolean | undefined;
};

export type Process = {
  name: string;
  child: ChildProcess;
  pid: number;
  /** Standard output and standard error, in order of arrival. */
  lines: string[];
  /** The IPC message, or undefined for a line. Rejects if the process ends first. */
  ready: Promise<unknown>;
  /** The exit code or the signal: '0', 'SIGKILL'. */
  ended: Promise<string>;
  /** The last signal that the harness sent to end it. */
  readonly endedBy: NodeJS.Signals | undefined;
  readonly running: boolean;
  /** Undefined unless `blockable`. */
  outputPipe: OutputPipe | undefined;
  /** SIGTERM, and SIGKILL after 60 s. Returns how the process ended. */
  stop(): Promise<string>;
  /** SIGKILL. Returns how the process ended. */
  kill(): Promise<string>;
  /** SIGSTOP. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
};

/** Returns Node's variable for the folder of compiled sources, if this process has it: a start then takes half the CPU time. */
export function compileCache(): Record<string, string> {
  const folder = process.env.NODE_COMPILE_CACHE;
  return folder === undefined ? {} : { NODE_COMPILE_CACHE: folder };
}

const runningProcesses = new Set<Process>();

/** Kills every process that this process started and that still runs: for `afterEach`. */
export async function killAllProcesses(): Promise<void> {
  await Promise.all([...runningProcesses].map((process) => process.kill()));
}

/** Starts a program without waiting for it. It ends with this process, even if this process is killed. */
export function startProcess(options: ProcessOptions): Process {
  const outputPipe = options.blockable ? openOutputPipe() : undefined;
  const child = spawnChild(options, outputPipe);
  const outputs = outputPipe ? [outputPipe.output] : [child.stdout, child.stderr].filter((stream) => stream !== null);
  const disarm = child.pid === undefined ? () => {} : endWithThisProcess(child.pid, 'SIGKILL');
  const lines: string[] = [];
  child.once('exit', () => outputPipe?.unblock()); // otherwise the output would never end
  const ended = endOf(child, outputs);
  const readyLine = followOutput(options, outputs, { lines, ended });
  const ready = Promise.race([
    options.readyLine ? readyLine : once(child, 'message').then(([message]) => message),
    ended.then((how) => {
      throw new Error(`${options.name} ended (${how}) before it was ready:\n${lines.slice(-10).join('\n')}`);
    }),
  ]);
  ready.catch(() => {}); // not every caller waits for it
  let endedBy: NodeJS.Signals | undefined;
  const isRunning = () => child.pid !== undefined && child.exitCode === null && child.signalCode === null;
  const end = async (signal: NodeJS.Signals) => {
    if (isRunning()) {
      endedBy = signal;
      child.kill(signal);
      child.kill('SIGCONT'); // a paused process does not see SIGTERM
    }
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    return ended.finally(() => clearTimeout(timer));
  };
  const started: Process = {
    name: options.name,
    child,
    pid: child.pid ?? -1,
    lines,
    ready,
    ended,
    outputPipe,
    get endedBy() {
      return endedBy;
    },
    get running() {
      return isRunning();
    },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
  };
  runningProcesses.add(started);
  ended.then(() => {
    runningProcesses.delete(started);
    disarm();
  });
  return started;
}

/** Resolves with the process's ready message. Kills the process and throws its last lines if it takes over 60 s. */
export async function waitUntilReady(process: Process): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const lines = process.lines.slice(-10).join('\n');
      reject(new Error(`${process.name} was not ready after ${START_TIMEOUT_MS / 1_000} s:\n${lines}`));
    }, START_TIMEOUT_MS);
  });
  try {
    return await Promise.race([process.ready, timeout]);
  } catch (error) {
    await process.kill();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Ends another process when this one ends, however that happens: a shell waits for the end of a pipe that only this
 * process holds. Returns a function that disarms it.
 */
export function endWithThisProcess(pid: number, signal: 'SIGKILL' | 'SIGINT'): () => void {
  const script = 'read _; kill -s "$1" "$2"';
  const guard = spawn('/bin/sh', ['-c', script, 'guard', signal.slice(3), `${pid}`], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  guard.on('error', () => {}); // no shell: the process may outlive this one
  guard.unref();
  if (guard.stdin && 'unref' in guard.stdin && typeof guard.stdin.unref === 'function') guard.stdin.unref();
  return () => void guard.kill('SIGKILL');
}

function spawnChild(options: ProcessOptions, outputPipe: OutputPipe | undefined): ChildProcess {
  const { entry, file = process.execPath, args = [], nodeArgs = [], env = {}, cwd = ROOT, readyLine } = options;
  const output =
    outputPipe?.childFd ?? (options.unreadFile === undefined ? ('pipe' as const) : openSync(options.unreadFile, 'a'));
  const child = spawn(file, entry === undefined ? args : [...nodeArgs, join(ROOT, entry), ...args], {
    env: { ...compileCache(), ...env },
    cwd,
    // A process group of its own: Ctrl-C in the terminal reaches only this process, which stops the others in order.
    detached: true,
    stdio: ['ignore', output, output, ...(entry === undefined || readyLine ? [] : (['ipc'] as const))],
  });
  if (output !== 'pipe') closeSync(output);
  return child;
}

/** Resolves when the process has ended and its output is closed. ('close' is not emitted after `disconnect`.) */
function endOf(child: ChildProcess, outputs: Readable[]): Promise<string> {
  const closed = outputs.map((output) => once(output, 'close'));
  return once(child, 'exit').then(
    async ([code, signal]) => {
      await Promise.all(closed);
      return String(signal ?? code);
    },
    (error: Error) => error.message, // it could not be spawned
  );
}

type Output = { lines: string[]; ended: Promise<string> };

/** Collects the lines. Resolves at the line that says the process is ready. */
function followOutput(
  { readyLine, onLine, logFile, name }: ProcessOptions,
  outputs: Readable[],
  { lines, ended }: Output,
): Promise<void> {
  const log = logFile === undefined ? undefined : createWriteStream(logFile, { flags: 'a' });
  ended.then(() => log?.end());
  return new Promise((resolve) => {
    for (const input of outputs) {
      createInterface({ input }).on('line', (line) => {
        lines.push(line);
        log?.write(`${name} ${line}\n`);
        if (readyLine?.test(line)) resolve();
        onLine?.(line);
      });
    }
  });
}
