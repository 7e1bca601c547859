import { it } from 'vitest';
import { expectInvariants } from './scenario.ts';

// Scenarios wait most of the time: those on Redis are in another file, which runs next to this one.
it('every invariant holds in scenarios on PostgreSQL', { timeout: 6_000_000 }, () =>
  expectInvariants(
    [
      'fail-writes',
      'delete-queue-keys',
      'restore-database',
      'open-transaction',
      'cut-receiver',
      'disable-destination',
      'deny-media',
    ],
    'postgres',
  ),
);
