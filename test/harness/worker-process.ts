import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Alert } from '#prisma/alerts.ts';

const ENTRY = fileURLToPath(new URL('../../worker/index.ts', import.meta.url));

export type Run = { child: ChildProcess; lines: string[]; ended: Promise<string> };

/** Every process that was started and has not ended. */
export const running = new Set<ChildProcess>();

/** Starts the worker's entry with this environment and nothing else. */
export function start(env: Record<string, string>): Run {
  const child = spawn(process.execPath, [ENTRY], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on('line', (l) => lines.push(l));
  const ended = once(child, 'close').then(([code, signal]) => {
    running.delete(child);
    return String(signal ?? code);
  });
  return { child, lines, ended };
}

export const isFinal = (alert: Alert | null) => (alert?.notifiedAt ? alert : undefined);
