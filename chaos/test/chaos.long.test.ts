import { expect, inject, it } from 'vitest';
import { runCommand } from '#test/harness/run-command.ts';
import { SLOWDOWN } from './scenario.ts';

// The first minute of this seed has most kinds of faults: kills, pauses, failing writes, lost jobs, a restore.
it('holds every invariant during a minute of faults', { timeout: 6_000_000 }, async () => {
  const backend = inject('redisCommand') === null ? 'postgres' : 'redis';
  const { out, err, code } = await runCommand('chaos/index.ts', [
    '--backend',
    backend,
    '--alerts',
    '200',
    '--seed',
    '16552',
    '--slowdown',
    SLOWDOWN,
    '--json',
  ]);
  const board = JSON.parse(out || '{}');
  expect(board.violations, err).toEqual({});
  expect(board.alerts).toMatchObject({ sent: 200, accepted: 200, processed: 160, failed: 40 });
  // One destination for all of them, one for failures, and one for every third store.
  expect(board.deliveries).toMatchObject({ 'alert.processed': 160 + 53, 'alert.failed': 40 + 40 + 14 });
  expect(board.received['200']).toBeGreaterThanOrEqual(board.deliveries.delivered);
  expect(Object.keys(board.faults).length).toBeGreaterThan(5);
  expect(code).toBe(0);
});
