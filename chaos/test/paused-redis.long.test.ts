import { expect, inject, it } from 'vitest';
import { expectAllNotified, openRedisStack, pause, sendAlert, startServices } from './stack-fixture.ts';

const ALERTS = 40;
/** What the api waits for a queue that does not respond. */
const QUEUE_TIMEOUT_MS = 3_000;

it.skipIf(inject('redisCommand') === null)(
  'a stack started with a paused Redis accepts alerts, and processes all of them when Redis resumes',
  { timeout: 900_000 },
  async () => {
    const { stack } = await openRedisStack();
    const redis = pause(stack.redis?.service);
    await startServices(stack);
    const waits: number[] = [];
    for (let index = 0; index < ALERTS; index += 1) {
      const { responseMs, dispatch } = await sendAlert(stack, index);
      expect(dispatch).toBe('deferred');
      waits.push(responseMs);
    }
    // Only the first request waits for the queue. Half of them is the limit, because a busy machine delays others, too.
    expect(waits.filter((ms) => ms >= QUEUE_TIMEOUT_MS).length).toBeLessThan(ALERTS / 2);
    redis.resume();
    await expectAllNotified(stack, ALERTS);
    expect((await sendAlert(stack, ALERTS)).dispatch).toBe('queued');
  },
);
