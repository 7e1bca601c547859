import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createDelayedCall } from '../delayed-call.ts';

it('calls once for several plans, and again while the call returns true', async () => {
  const returns = [true, false];
  let calls = 0;
  const delayed = createDelayedCall(async () => {
    calls += 1;
    return returns.shift() ?? false;
  }, 1);
  delayed.plan();
  delayed.plan();
  await expect.poll(() => calls).toBe(2);
  expect(returns).toEqual([]);
  delayed.plan();
  await expect.poll(() => calls).toBe(3);
});

it('flush waits for the call in progress, and calls instead of the planned call', async () => {
  const events: string[] = [];
  const { promise: finished, resolve: finish } = Promise.withResolvers<void>();
  const delayed = createDelayedCall(async () => {
    events.push('begin');
    if (events.length === 1) await finished;
    events.push('end');
    return true;
  }, 1);
  delayed.plan();
  await expect.poll(() => events).toEqual(['begin']);
  const flushed = delayed.flush();
  finish();
  await flushed;
  await sleep(50); // nothing calls any more
  expect(events).toEqual(['begin', 'end', 'begin', 'end']);
});
