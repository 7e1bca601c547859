import { expect, inject, it } from 'vitest';
import { expectAllDone, freeze, openWorkerStack, send, startStack } from '#test/harness/worker-stack.ts';

const ALERTS = 40;
/** The api waits for the queue for 3 s, once: less than twice, and then not at all. */
const FIRST_MS = 6_000;
const NEXT_MS = 2_500;

it.skipIf(inject('redisCommand') === null)(
  'a house that starts on a stopped Redis takes alerts, and works all of them off when it goes on',
  { timeout: 180_000 },
  async () => {
    const { house } = await openWorkerStack();
    const redis = freeze(house.redis);
    await startStack(house);
    const first = await send(house, 0);
    expect(first.dispatch).toBe('deferred');
    expect(first.tookMs).toBeLessThan(FIRST_MS);
    for (let index = 1; index < ALERTS; index += 1) {
      const { tookMs, dispatch } = await send(house, index);
      expect(dispatch).toBe('deferred');
      expect(tookMs).toBeLessThan(NEXT_MS);
    }
    redis.thaw();
    await expectAllDone(house, ALERTS);
    expect((await send(house, ALERTS)).dispatch).toBe('queued');
  },
);
