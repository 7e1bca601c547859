import { execFile } from 'node:child_process';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { promisify } from 'node:util';

/** What the figures hold for. `commit`: of these sources, '' where git does not tell. */
export type Machine = { at: string; cores: number; cpu: string; memoryGib: number; node: string; commit: string };

export async function describeMachine(): Promise<Machine> {
  const git = promisify(execFile)('git', ['rev-parse', '--short', 'HEAD'], { cwd: import.meta.dirname });
  return {
    at: new Date().toISOString(),
    cores: availableParallelism(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    memoryGib: Math.round(totalmem() / 1024 ** 3),
    node: process.version,
    commit: await git.then(
      ({ stdout }) => stdout.trim(),
      () => '', // no clone
    ),
  };
}
