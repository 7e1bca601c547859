import type { ChildProcess } from 'node:child_process';
import type { Alert } from '#prisma/alerts.ts';
import { type Process, startProcess } from './process.ts';

export type Run = Process;

/** Every worker that was started and has not ended. */
export const running = new Set<ChildProcess>();

/** Starts the worker's entry with this environment and nothing else. */
export function start(env: Record<string, string>): Process {
  const worker = startProcess({ name: 'worker', entry: 'worker/index.ts', env });
  running.add(worker.child);
  worker.ended.then(() => running.delete(worker.child));
  return worker;
}

export const isFinal = (alert: Alert | null) => (alert?.notifiedAt ? alert : undefined);
