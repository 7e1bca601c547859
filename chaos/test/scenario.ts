import { expect } from 'vitest';
import { runCommand } from '#test/harness/run-command.ts';

/** The tests pass on any machine: they check what happens, and `npm run chaos` also how fast. */
export const SLOWDOWN = '10';

/**
 * Injects all variants of these faults, which the random schedule of a short run may not contain, and expects every invariant
 * to hold.
 */
export async function expectInvariants(scenarios: string[], backend: 'redis' | 'postgres'): Promise<void> {
  const load = ['--alerts', '30', '--rate', '2', '--slowdown', SLOWDOWN];
  const args = ['--scenario', scenarios.join(), '--backend', backend, ...load, '--json'];
  const { out, err, code } = await runCommand('chaos/index.ts', args);
  const board = JSON.parse(out || '{}');
  expect(board.violations, err).toEqual({});
  expect(Object.keys(board.faults).toSorted()).toEqual(scenarios.map((name) => name.replaceAll('-', ' ')).toSorted());
  expect(code).toBe(0);
}
