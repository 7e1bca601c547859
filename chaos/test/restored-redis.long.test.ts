import { cp, rename } from 'node:fs/promises';
import { expect, inject, it } from 'vitest';
import { waitForRedis } from '#test/harness/redis.ts';
import { readLeftoverJobs, readRows } from '../observe.ts';
import { expectAllNotified, openRedisStack, pause, sendAlert, startServices } from './stack-fixture.ts';

/** Alerts finished before the copy was made, waiting in the copy, and sent after it. */
const ALERTS_PER_PHASE = 30;

it.skipIf(inject('redisCommand') === null)(
  'a stack whose Redis is restored from an old copy loses no alert, notifies none twice, and leaves no job behind',
  { timeout: 1_200_000 },
  async () => {
    const { stack, history, redisFolder } = await openRedisStack();
    const { redis } = stack;
    if (!redis) throw new Error('no Redis');
    await startServices(stack);
    let sent = 0;
    const sendPhase = async () => {
      await Promise.all(Array.from({ length: ALERTS_PER_PHASE }, (_, n) => sendAlert(stack, sent + n)));
      sent += ALERTS_PER_PHASE;
    };
    await sendPhase();
    await expectAllNotified(stack, sent);

    // The copy holds them as waiting, some perhaps as active. They are finished before the copy is restored.
    const duringCopy = pause(...stack.workers);
    await sendPhase();
    await cp(redisFolder, `${redisFolder}-old`, { recursive: true });
    duringCopy.resume();
    await expectAllNotified(stack, sent);

    const duringRestore = pause(...stack.workers);
    await sendPhase();
    redis.service.pause();
    await rename(redisFolder, `${redisFolder}-new`);
    await rename(`${redisFolder}-old`, redisFolder);
    await redis.kill();
    await waitForRedis(redis.port);
    duringRestore.resume();
    await expectAllNotified(stack, sent);

    const expected = Array.from({ length: sent }, (_, n) => `chaos-${n}`).sort();
    expect(history.notifications.map(({ store }) => store).sort()).toEqual(expected);
    const queue = stack.openQueue();
    const leftovers = await readLeftoverJobs(
      queue,
      await readRows(stack.database),
      120_000,
      new AbortController().signal,
    );
    await queue.close();
    expect(leftovers).toEqual([]);
  },
);
