import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Driven, Plan } from './driver.ts';
import type { ProbeCost } from './report.ts';

/** Sends a plan's alerts from a process of their own. Throws where that fails or the signal aborts. */
export async function drive(plan: Plan, signal: AbortSignal): Promise<Driven> {
  return askProcess<Driven>('./driver.ts', plan, signal);
}

/** Probes the mix's videos at this origin, one at a time, in a process of its own. Throws as drive does. */
export async function measureProbes(origin: string, signal: AbortSignal): Promise<ProbeCost[]> {
  return askProcess<ProbeCost[]>('./probe-costs.ts', origin, signal);
}

/** Starts the program, sends it one message, and waits for the one that it answers with before it ends. */
async function askProcess<Answer>(program: string, question: Plan | string, signal: AbortSignal): Promise<Answer> {
  signal.throwIfAborted();
  const stdio: ['ignore', 'ignore', 'inherit', 'ipc'] = ['ignore', 'ignore', 'inherit', 'ipc'];
  const child = fork(fileURLToPath(new URL(program, import.meta.url)), {
    env: {},
    stdio,
    signal,
    killSignal: 'SIGKILL',
  });
  const ended = once(child, 'exit').then(() => undefined);
  const told = once(child, 'message').then(([answer]: Answer[]) => ({ answer: answer as Answer })); // what it sends
  child.send(question);
  const first = await Promise.race([told, ended]);
  if (first === undefined) throw new Error(`${program} ended without a result`);
  await ended;
  return first.answer;
}
