import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { promisify } from 'node:util';
import type { Report } from './report.ts';

/** What the figures hold for. `yardstickMs` so far: one entry. */
export async function describeMachine(): Promise<Report['machine']> {
  const git = promisify(execFile)('git', ['rev-parse', '--short', 'HEAD'], { cwd: import.meta.dirname });
  return {
    at: new Date().toISOString(),
    cores: availableParallelism(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    memoryGib: Math.round(totalmem() / 1024 ** 3),
    node: process.version,
    yardstickMs: [measureYardstick()],
    commit: await git.then(
      ({ stdout }) => stdout.trim(),
      () => '', // no clone
    ),
  };
}

const YARDSTICK_BYTES = 64 * 1024 * 1024;

/**
 * Milliseconds of a piece of work that is always the same, SHA-256 of 64 MiB: on a machine that is shared with others
 * it tells how fast the machine was. The least of five.
 */
export function measureYardstick(): number {
  const work = Buffer.alloc(YARDSTICK_BYTES);
  const took = Array.from({ length: 5 }, () => {
    const began = performance.now();
    createHash('sha256').update(work).digest();
    return performance.now() - began;
  });
  return Math.min(...took);
}
