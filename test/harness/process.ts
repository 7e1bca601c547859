import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, createWriteStream, openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

/** How an incarnation ended. `asked`: the signal that the house had sent. */
export type Exit = { by: string; at: number; asked: string | undefined; how: string; lastWords: string };

export type PartOptions = {
  name: string;
  /** How to start an incarnation; it gets its own name, as `worker-1.3`. */
  command: (incarnation: string) => { file: string; args: string[]; env: Record<string, string> };
  /** The line of its output that says it is ready. undefined: it sends an IPC message, as the house's entries do. */
  readyLine?: RegExp;
  onLine?: (line: string, incarnation: string) => void;
  onExit: (exit: Exit) => void;
  /** Where every line goes, too. */
  logFile?: string | undefined;
  /** A file that gets its output unread, for measuring: reading lines would take processor time from what is measured. */
  unreadFile?: string | undefined;
};

export type Opened = { close(): Promise<void> }[];

/** A part that ends with its house, `opened`, and with this process however that ends. Nothing runs before `start`. */
export function keepPart(options: PartOptions, opened: Opened): Part {
  const part = createPart(options);
  const slay = () => part.slay();
  process.once('exit', slay);
  opened.unshift({
    async close() {
      await part.end();
      process.off('exit', slay);
    },
  });
  return part;
}

/** A process of the house and its supervisor: while it is wanted, an incarnation that ends has a successor at once. */
export type Part = {
  name: string;
  /** The present incarnation, or the last one. */
  incarnation(): string;
  /** Of the present incarnation, or the last one; undefined before the first. */
  pid(): number | undefined;
  /** Resolves when an incarnation is ready. Rejects with the signal. */
  start(signal: AbortSignal): Promise<void>;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** SIGTERM; resolves when the process is gone, by SIGKILL after 30 s. */
  term(): Promise<void>;
  /**
   * Lets it run in short steps, stopped in between, until it is `caught` at a moment when it is stopped, or for so long.
   * It stays stopped: kill or pause it.
   */
  creep(caught: (incarnation: string) => Promise<boolean>, ms: number): Promise<void>;
  /** SIGSTOP, and SIGCONT after so long or when the signal aborts. */
  pause(ms: number, signal: AbortSignal): Promise<void>;
  /** SIGTERM and no successor. */
  end(): Promise<void>;
  /** SIGKILL and no successor, without waiting: for the very end of this process. */
  slay(): void;
};

type Running = {
  incarnation: string;
  child: ChildProcess;
  since: number;
  asked: string | undefined;
  /** false: it ended first. */
  ready: Promise<boolean>;
  ended: Promise<void>;
};

const TERM_LIMIT_MS = 30_000;
/** A part that creeps: steps about as long as an attempt, and stops in which what it has sent is surely committed. */
const RUN_MS = 20;
const STOP_MS = 10;
/** Before the successor of one that ended within its first second: it would only fail again. */
const FAILED_START_PAUSE_MS = 500;

function createPart(options: PartOptions): Part {
  let wanted = false;
  let count = 0;
  let running: Running | undefined;
  let successor: NodeJS.Timeout | undefined;
  const launch = () => {
    count += 1;
    const now = spawnIncarnation(options, `${options.name}.${count}`);
    running = now;
    now.ended.then(() => {
      if (!wanted) return;
      successor = setTimeout(launch, Date.now() - now.since < 1_000 ? FAILED_START_PAUSE_MS : 0);
    });
  };
  const leave = () => {
    wanted = false;
    clearTimeout(successor);
  };
  return {
    name: options.name,
    incarnation: () => running?.incarnation ?? options.name,
    pid: () => running?.child.pid,
    async start(signal) {
      if (!wanted) launch();
      wanted = true;
      while (!(await isReady(running))) await sleep(50, undefined, { signal });
    },
    kill: () => endBy('SIGKILL', running),
    term: () => endBy('SIGTERM', running),
    creep: (caught, ms) => creep(running, caught, ms),
    pause: (ms, signal) => pause(running, ms, signal),
    end() {
      leave();
      return endBy('SIGTERM', running);
    },
    slay() {
      leave();
      running?.child.kill('SIGKILL');
    },
  };
}

// Between its end and its successor's start the last incarnation is still the one that was ready.
async function isReady(target: Running | undefined): Promise<boolean> {
  return target && alive(target.child) ? target.ready : false;
}

async function endBy(sign: NodeJS.Signals, target: Running | undefined): Promise<void> {
  if (!target || !alive(target.child)) return;
  target.asked = sign;
  target.child.kill(sign);
  const lastResort = setTimeout(() => target.child.kill('SIGKILL'), TERM_LIMIT_MS);
  await target.ended;
  clearTimeout(lastResort);
}

async function creep(target: Running | undefined, caught: (incarnation: string) => Promise<boolean>, ms: number) {
  if (!target) return;
  for (const deadline = Date.now() + ms; ; await sleep(RUN_MS)) {
    target.child.kill('SIGSTOP');
    await sleep(STOP_MS);
    if ((await caught(target.incarnation)) || Date.now() > deadline) return;
    target.child.kill('SIGCONT');
  }
}

async function pause(target: Running | undefined, ms: number, signal: AbortSignal): Promise<void> {
  target?.child.kill('SIGSTOP');
  await sleep(ms, undefined, { signal }).catch(() => {}); // aborted: go on at once
  target?.child.kill('SIGCONT');
}

function alive(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

function spawnIncarnation(options: PartOptions, incarnation: string): Running {
  const { file, args, env } = options.command(incarnation);
  // A group of its own: Ctrl-C in the terminal reaches the harness alone, which then ends the parts in order.
  const output = options.unreadFile === undefined ? ('pipe' as const) : openSync(options.unreadFile, 'a');
  const child = spawn(file, args, {
    env,
    detached: true,
    stdio: ['ignore', output, output, ...(options.readyLine ? [] : (['ipc'] as const))],
  });
  if (output !== 'pipe') closeSync(output);
  const lastWords: string[] = [];
  const readyLine = followLines(options, child, incarnation, lastWords);
  const ended = once(child, 'close').then(
    ([code, signal]) => `${signal ?? `exit code ${code}`}`,
    (error: Error) => error.message, // it could not be spawned
  );
  const said = options.readyLine ? readyLine : new Promise<void>((resolve) => child.once('message', () => resolve()));
  const running: Running = {
    incarnation,
    child,
    since: Date.now(),
    asked: undefined,
    ready: Promise.race([said.then(() => true), ended.then(() => false)]),
    ended: ended.then((how) => {
      const words = lastWords.slice(-3).join(' | ');
      options.onExit({ by: incarnation, at: Date.now(), asked: running.asked, how, lastWords: words });
    }),
  };
  return running;
}

/** Passes on each line; resolves at the one that says it is ready. */
function followLines(
  { readyLine, onLine, logFile }: PartOptions,
  child: ChildProcess,
  incarnation: string,
  lastWords: string[],
): Promise<void> {
  const log = logFile === undefined ? undefined : createWriteStream(logFile, { flags: 'a' });
  child.once('close', () => log?.end());
  return new Promise((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      if (!stream) continue;
      createInterface({ input: stream }).on('line', (line) => {
        log?.write(`${incarnation} ${line}\n`);
        if (!line.startsWith('[Notification]')) lastWords.push(line.slice(0, 300));
        if (lastWords.length > 3) lastWords.shift();
        if (readyLine?.test(line)) resolve();
        onLine?.(line, incarnation);
      });
    }
  });
}
