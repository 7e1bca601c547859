import { inject, it } from 'vitest';
import { expectInvariants } from './scenario.ts';

it.skipIf(inject('redisCommand') === null)('every invariant holds in scenarios on Redis', { timeout: 6_000_000 }, () =>
  expectInvariants(
    [
      'block-notifier',
      'delete-queue-keys',
      'fill-redis',
      'restore-redis',
      'kill-worker',
      'stall-receiver',
      'kill-decoder',
    ],
    'redis',
  ),
);
