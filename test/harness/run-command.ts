import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import { compileCache } from './process.ts';

const ROOT = join(import.meta.dirname, '../..');

export type CommandResult = { out: string; err: string; code: number | null };
export type CommandOptions = { env?: NodeJS.ProcessEnv; cwd?: string };

/** Runs an entry file of the repository as a command, with `env` and the compile cache as its whole environment. */
export function runCommand(
  entry: string,
  args: string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<CommandResult> {
  return startCommand(process.execPath, [join(ROOT, entry), ...args], { env: { ...compileCache(), ...env } }).result;
}

/** Starts any program in a test. `result` resolves at its end; `stop` sends a signal. */
export function startCommand(
  file: string,
  args: string[],
  { env = process.env, cwd = ROOT }: CommandOptions = {},
): { result: Promise<CommandResult>; stop(signal: NodeJS.Signals): void } {
  const child = spawn(file, args, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  // SIGTERM makes it stop what it started: a test that times out leaves no process behind.
  onTestFinished(() => {
    child.kill('SIGTERM');
  });
  const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return {
    result: ended.then(([out, err, [code]]) => ({ out, err, code })),
    stop: (signal) => void child.kill(signal),
  };
}
