import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export type LocalService = {
  name: string;
  /** Resolves when the service is ready. Throws if it ends first. */
  start(): Promise<void>;
  stop(): Promise<void>;
  restart(): Promise<void>;
};

export type LocalServiceOptions = {
  name: string;
  /** Relative to the repository. It sends an IPC message when it is ready. */
  entry: string;
  env: NodeJS.ProcessEnv;
  print: (line: string) => void;
  /** Called if the service ends and cannot be started again. */
  onFailure: (error: Error) => void;
};

/** Returns a service that runs in its own process and is started again when it ends by itself. */
export function createLocalService({ name, entry, env, print, onFailure }: LocalServiceOptions): LocalService {
  let child: ChildProcess | undefined;
  let wanted = false;
  const start = async () => {
    wanted = true;
    const started = spawnEntry(entry, env);
    child = started;
    const ended = once(started, 'exit').then(([code, signal]) => `${signal ?? `exit code ${code}`}`);
    const ready = once(started, 'message').then(() => undefined);
    const end = await Promise.race([ready, ended]);
    if (end !== undefined) throw new Error(`The ${name} did not start (${end}).`);
    ended.then(async (how) => {
      if (!wanted || child !== started) return;
      print(`The ${name} ended (${how}). Restarting it.`);
      await start().catch(onFailure);
    });
  };
  const stop = async () => {
    wanted = false;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    await exit;
  };
  return {
    name,
    start,
    stop,
    async restart() {
      await stop();
      await start();
    },
  };
}

function spawnEntry(entry: string, env: NodeJS.ProcessEnv): ChildProcess {
  return spawn(process.execPath, [fileURLToPath(new URL(`../${entry}`, import.meta.url))], {
    env,
    // A process group of its own: Ctrl-C reaches only this process, which then stops the services in order.
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
}
