import { cp, rename } from 'node:fs/promises';
import { expect, inject, it } from 'vitest';
import { readLeftovers, readRows } from '#chaos/observe.ts';
import { waitForRedis } from '#test/harness/redis.ts';
import { expectAllDone, freeze, openWorkerStack, send, startStack } from '#test/harness/worker-stack.ts';

/** Alerts of the time before the copy, of those that wait in it, and of those it knows nothing of. */
const SPELL = 30;

it.skipIf(inject('redisCommand') === null)(
  'a house whose Redis is put back to an old copy loses no alert, tells none twice, and leaves no job behind',
  { timeout: 180_000 },
  async () => {
    const { house, ledger, redisFolder } = await openWorkerStack();
    await startStack(house);
    let sent = 0;
    const sendSpell = async () => {
      await Promise.all(Array.from({ length: SPELL }, (_, n) => send(house, sent + n)));
      sent += SPELL;
    };
    await sendSpell();
    await expectAllDone(house, sent);

    // In the copy they wait, some of them perhaps in the hands of a worker; after it they are done.
    const atCopy = freeze(...house.workers);
    await sendSpell();
    await cp(redisFolder, `${redisFolder}-old`, { recursive: true });
    atCopy.thaw();
    await expectAllDone(house, sent);

    const atReturn = freeze(...house.workers);
    await sendSpell();
    freeze(house.redis);
    await rename(redisFolder, `${redisFolder}-new`);
    await rename(`${redisFolder}-old`, redisFolder);
    await house.redis?.kill();
    await waitForRedis(house.redisPort);
    atReturn.thaw();
    await expectAllDone(house, sent);

    expect(ledger.told.map(({ store }) => store).sort()).toEqual(
      Array.from({ length: sent }, (_, n) => `chaos-${n}`).sort(),
    );
    const queue = house.openQueue();
    const left = await readLeftovers(queue, await readRows(house.database), 30_000, AbortSignal.timeout(40_000));
    await queue.close();
    expect(left).toEqual([]);
  },
);
