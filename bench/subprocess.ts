import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { DriverPlan, DriverResult } from './driver.ts';
import type { ProbeCost } from './report.ts';

/** Sends a plan's alerts from a separate process. Throws if that fails or the signal aborts. */
export async function runDriver(plan: DriverPlan, signal: AbortSignal): Promise<DriverResult> {
  return runSubprocess<DriverResult>('./driver.ts', plan, signal);
}

/** Probes the videos of the mix at this origin, one at a time, in a separate process. Throws as `runDriver` does. */
export async function measureProbes(origin: string, signal: AbortSignal): Promise<ProbeCost[]> {
  return runSubprocess<ProbeCost[]>('./probe-costs.ts', origin, signal);
}

/** Starts the program, sends it one message, waits until it ends, and returns the message that it sent. */
async function runSubprocess<Result>(
  program: string,
  input: DriverPlan | string,
  signal: AbortSignal,
): Promise<Result> {
  signal.throwIfAborted();
  const stdio: ['ignore', 'ignore', 'inherit', 'ipc'] = ['ignore', 'ignore', 'inherit', 'ipc'];
  const child = fork(fileURLToPath(new URL(program, import.meta.url)), {
    env: {},
    stdio,
    signal,
    killSignal: 'SIGKILL',
  });
  const ended = once(child, 'exit').then(() => undefined);
  const received = once(child, 'message').then(([result]: Result[]) => ({ result: result as Result })); // as the program sends it
  child.send(input);
  const first = await Promise.race([received, ended]);
  if (first === undefined) throw new Error(`${program} ended without a result`);
  await ended;
  return first.result;
}
