import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Driven, Plan } from './driver.ts';

const DRIVER = fileURLToPath(new URL('./driver.ts', import.meta.url));

/** Sends a plan's alerts from a process of their own. Throws where that fails or the signal aborts. */
export async function drive(plan: Plan, signal: AbortSignal): Promise<Driven> {
  signal.throwIfAborted();
  const driver = fork(DRIVER, {
    env: {},
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    signal,
    killSignal: 'SIGKILL',
  });
  const ended = once(driver, 'exit');
  const told = once(driver, 'message').then(([driven]: Driven[]) => driven);
  driver.send(plan);
  const driven = await Promise.race([told, ended.then(() => undefined)]);
  if (driven === undefined) throw new Error('the driver ended without a result');
  await ended;
  return driven;
}
