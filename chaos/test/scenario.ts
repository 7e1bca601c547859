import { expect } from 'vitest';
import { runCommand } from '#test/harness/run-command.ts';

/** The tests pass on any machine: they check what happens, and `npm run chaos` also how fast. */
export const SLOWDOWN = '10';

/** Runs one variant of faults that the random schedule of a short run may not contain, and expects every invariant to hold. */
export async function expectInvariants(scenario: string, backend: 'redis' | 'postgres'): Promise<void> {
  const load = ['--alerts', '30', '--rate', '3', '--slowdown', SLOWDOWN];
  const args = ['--scenario', scenario, '--backend', backend, ...load, '--json'];
  const { out, err, code } = await runCommand('chaos/index.ts', args);
  const board = JSON.parse(out || '{}');
  expect(board.violations, err).toEqual({});
  expect(board.faults[scenario.replaceAll('-', ' ')]).toBeGreaterThan(0);
  expect(code).toBe(0);
}
