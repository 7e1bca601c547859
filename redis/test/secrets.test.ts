import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { QueueUnavailable } from '../errors.ts';
import { consumeAlerts, openAlertQueue } from '../queue.ts';
import { BACKENDS, openFixture } from './queue-fixture.ts';

const PASSWORD = 's3cret';

for (const { name, missing } of BACKENDS) {
  describe.skipIf(missing)(`a password that ${name} rejects`, () => {
    it('is in no error of producer or consumer', async (test) => {
      const fixture = await openFixture(name, test);
      const url = new URL(fixture.url);
      url.username = 'nobody';
      url.password = PASSWORD;
      const errors: Error[] = [];
      const onError = (error: Error) => void errors.push(error);
      const queue = openAlertQueue(url.href, onError);
      const consumer = consumeAlerts(url.href, async () => ({ kind: 'done' }), { concurrency: 1, onError });
      test.onTestFinished(async () => {
        await consumer.close(0);
        await queue.close();
      });
      const rejected = await queue.ping().catch((error: unknown) => error);
      expect(rejected).toBeInstanceOf(QueueUnavailable);
      await expect.poll(() => errors.length, { timeout: 150_000 }).toBeGreaterThan(0);
      expect(inspect([rejected, errors], { depth: 10, showHidden: true })).not.toContain(PASSWORD);
    });
  });
}
