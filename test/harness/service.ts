import { setTimeout as sleep } from 'node:timers/promises';
import { type Process, START_TIMEOUT_MS, waitUntilReady } from './process.ts';

/** How one process of a service ended. `sent`: the signal that the harness had sent. */
export type Exit = { process: string; at: number; sent: string | undefined; how: string; lastLines: string };

export type ServiceOptions = {
  name: string;
  /** Starts one process of the service; its name is `worker-1.3` for the third one. */
  launch: (processName: string) => Process;
  /** true: a process that ends is replaced at once, until `stop`. */
  supervised?: boolean | undefined;
  onExit?: ((exit: Exit) => void) | undefined;
};

/** A service of the stack: the same command, started as often as needed. */
export type Service = {
  name: string;
  /** The current process, or the last one. Undefined before the first start. */
  readonly process: Process | undefined;
  /** The name of the current process, or of the last one. */
  processName(): string;
  pid(): number | undefined;
  /** The output of the current process. */
  readonly lines: string[];
  /** The message with which the current process reported that it is ready. */
  readonly message: unknown;
  /** Resolves when a process is ready. Supervised: rejects with the signal. Otherwise: if the process ends first. */
  start(signal?: AbortSignal): Promise<void>;
  /** SIGTERM without a successor. */
  stop(): Promise<void>;
  /** SIGKILL. A supervised service gets a successor. */
  kill(): Promise<void>;
  /** SIGTERM. A supervised service gets a successor. */
  terminate(): Promise<void>;
  pause(): void;
  resume(): void;
};

/** Pause before the successor of a process that ended within its first second: it would only fail again. */
const FAILED_START_PAUSE_MS = 500;

/** Returns a service that does not run yet. */
export function createService({ name, launch, supervised = false, onExit }: ServiceOptions): Service {
  let wanted = false;
  let count = 0;
  let current: Process | undefined;
  let message: unknown;
  let successor: NodeJS.Timeout | undefined;
  const start = () => {
    count += 1;
    const since = Date.now();
    const started = launch(`${name}.${count}`);
    current = started;
    started.ended.then((how) => {
      onExit?.(exitOf(started, how));
      if (!wanted || !supervised) return;
      successor = setTimeout(start, Date.now() - since < 1_000 ? FAILED_START_PAUSE_MS : 0);
    });
  };
  return {
    name,
    get process() {
      return current;
    },
    get lines() {
      return current?.lines ?? [];
    },
    get message() {
      return message;
    },
    processName: () => current?.name ?? name,
    pid: () => current?.pid,
    async start(signal = AbortSignal.timeout(START_TIMEOUT_MS)) {
      if (!wanted || !(supervised || current?.running)) start();
      wanted = true;
      message = supervised ? await readyProcess(() => current, signal) : current && (await waitUntilReady(current));
    },
    async stop() {
      wanted = false;
      clearTimeout(successor);
      await current?.stop();
    },
    async kill() {
      await current?.kill();
    },
    async terminate() {
      await current?.stop();
    },
    pause: () => current?.pause(),
    resume: () => current?.resume(),
  };
}

/** Waits for the first process that becomes ready. The one that just ended was ready, too, until its successor starts. */
async function readyProcess(current: () => Process | undefined, signal: AbortSignal): Promise<unknown> {
  for (;;) {
    signal.throwIfAborted();
    const process = current();
    const aborted = new Promise<never>((_resolve, reject) =>
      signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
    );
    const result = await Promise.race([
      process?.ready.then(
        (message) => ({ message }),
        () => undefined,
      ),
      aborted,
    ]);
    if (result && process?.running) return result.message;
    await sleep(50, undefined, { signal });
  }
}

function exitOf({ name, endedBy, lines }: Process, how: string): Exit {
  const lastLines = lines.filter((line) => !line.startsWith('[Notification]')).slice(-3);
  return {
    process: name,
    at: Date.now(),
    sent: endedBy,
    how: /^\d+$/.test(how) ? `exit code ${how}` : how,
    lastLines: lastLines.map(short).join(' | '),
  };
}

const short = (line: string) => line.slice(0, 300);
