import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

/** Runs an entry file of the repository as a command, with `env` as its whole environment, and waits for its end. */
export async function runCommand(entry: string, args: string[], env: NodeJS.ProcessEnv = process.env) {
  const child = spawn(process.execPath, [join(ROOT, entry), ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  // SIGTERM makes it stop what it started: a test that times out leaves no process behind.
  onTestFinished(() => {
    child.kill('SIGTERM');
  });
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { out, err, code };
}
