import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { promisify } from 'node:util';
import type { Report } from './report.ts';

/** Returns the machine and the sources that the results apply to, with one first reference time. */
export async function describeMachine(): Promise<Report['machine']> {
  const git = promisify(execFile)('git', ['rev-parse', '--short', 'HEAD'], { cwd: import.meta.dirname });
  return {
    at: new Date().toISOString(),
    cores: availableParallelism(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    memoryGib: Math.round(totalmem() / 1024 ** 3),
    node: process.version,
    referenceMs: [measureReference()],
    commit: await git.then(
      ({ stdout }) => stdout.trim(),
      () => '', // not a git clone
    ),
  };
}

const REFERENCE_BYTES = 64 * 1024 * 1024;

/**
 * Returns the milliseconds of a reference task, SHA-256 of 64 MiB, as the minimum of five runs. On a machine shared with
 * others it shows how fast the machine was at that time.
 */
export function measureReference(): number {
  const data = Buffer.alloc(REFERENCE_BYTES);
  const durations = Array.from({ length: 5 }, () => {
    const startedAt = performance.now();
    createHash('sha256').update(data).digest();
    return performance.now() - startedAt;
  });
  return Math.min(...durations);
}
