import { describe, inject, it } from 'vitest';
import { expectInvariants } from './scenario.ts';

describe.skipIf(inject('redisCommand') === null)('with the queue on Redis', () => {
  it.each([
    'block-notifier',
    'delete-queue-keys',
    'fill-redis',
    'restore-redis',
    'kill-worker',
    'stall-receiver',
    'kill-decoder',
  ])('holds every invariant in the scenario %s', { timeout: 6_000_000 }, (scenario) =>
    expectInvariants(scenario, 'redis'),
  );
});
