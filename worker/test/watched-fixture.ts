import { once } from 'node:events';
import { type Process, startProcess } from '#test/harness/process.ts';

/** Starts a process with a watchdog, which ends when the test does. */
export async function startWatched(
  test: { onTestFinished(close: () => unknown): void },
  timeoutMs: number,
): Promise<Process> {
  const entry = 'worker/test/watched-entry.ts';
  const watched = startProcess({ name: 'watched process', entry, args: [`${timeoutMs}`] });
  test.onTestFinished(() => watched.kill());
  await watched.ready;
  return watched;
}

/** Blocks the event loop of the process, and waits until it responds. */
export async function block({ child }: Process, blockMs: number): Promise<void> {
  child.send({ blockMs });
  await once(child, 'message');
}
