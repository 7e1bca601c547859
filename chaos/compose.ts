import { execFile, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { type History, recordNotification } from './history.ts';

/** Runs `docker compose` and returns its output. */
export async function compose(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('docker', ['compose', ...args]);
  return stdout.trim();
}

/** Records the notifications in the workers' logs, from their beginning, until the signal aborts or the container ends. */
export async function followWorkerLogs(history: History, signal: AbortSignal): Promise<void> {
  for (const container of (await compose('ps', '-q', 'worker')).split('\n')) {
    const child = spawn('docker', ['logs', '-f', container], { stdio: ['ignore', 'pipe', 'ignore'], signal });
    child.on('error', (error) => {
      if (error.name !== 'AbortError') throw error;
    });
    createInterface({ input: child.stdout }).on('line', (line) => recordNotification(history, line, container));
  }
}
