import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { QueueUnavailable } from '../errors.ts';
import { consumeAlerts, openAlertQueue } from '../queue.ts';
import { BACKENDS, openWorld } from './queue-fixture.ts';

const PASSWORD = 's3cret';

for (const { backend, missing } of BACKENDS) {
  describe.skipIf(missing)(`a password that ${backend} refuses`, () => {
    it('is in no error of either end', async (test) => {
      const world = await openWorld(backend, test);
      const url = new URL(world.url);
      url.username = 'nobody';
      url.password = PASSWORD;
      const told: Error[] = [];
      const onError = (error: Error) => void told.push(error);
      const queue = openAlertQueue(url.href, onError);
      const consumer = consumeAlerts(url.href, async () => ({ kind: 'done' }), { concurrency: 1, onError });
      test.onTestFinished(async () => {
        await consumer.close(0);
        await queue.close();
      });
      const refused = await queue.ping().catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(QueueUnavailable);
      await expect.poll(() => told.length, { timeout: 10_000 }).toBeGreaterThan(0);
      expect(inspect([refused, told], { depth: 10, showHidden: true })).not.toContain(PASSWORD);
    });
  });
}
