import { expect, inject, it } from 'vitest';
import { runCommand } from '#test/harness/run-command.ts';

// One variant of faults that the random schedule of a short run may not contain.
const SCENARIOS: [scenario: string, backend: 'redis' | 'postgres'][] = [
  ['fail-writes', 'postgres'],
  ['delete-queue-keys', 'postgres'],
  ['restore-database', 'postgres'],
  ['open-transaction', 'postgres'],
  ['block-notifier', 'redis'],
  ['delete-queue-keys', 'redis'],
  ['fill-redis', 'redis'],
  ['restore-redis', 'redis'],
];

it.each(SCENARIOS)(
  'holds every invariant in the scenario %s on %s',
  { timeout: 1_200_000 },
  async (scenario, backend) => {
    if (backend === 'redis' && inject('redisCommand') === null) return;
    const args = ['--scenario', scenario, '--backend', backend, '--alerts', '30', '--rate', '3', '--json'];
    const { out, err, code } = await runCommand('chaos/index.ts', args);
    const board = JSON.parse(out || '{}');
    expect(board.violations, err).toEqual({});
    expect(board.faults[scenario.replaceAll('-', ' ')]).toBeGreaterThan(0);
    expect(code).toBe(0);
  },
);
