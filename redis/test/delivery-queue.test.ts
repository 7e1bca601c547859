import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, it, type TestContext } from 'vitest';
import { consumeDeliveries, type DeliveryQueue, openDeliveryQueue, type Trigger } from '../delivery-queue.ts';
import { QueueUnavailable } from '../errors.ts';
import { BACKENDS, openBackend, type TestBackend } from './queue-fixture.ts';

const SOON = { timeout: 150_000 };

for (const { name, missing } of BACKENDS) {
  describe.skipIf(missing)(`triggers on ${name}`, () => {
    let backend: TestBackend;
    let queue: DeliveryQueue;
    let errors: Error[];
    beforeEach(async (test) => {
      backend = await openBackend(name, test);
      errors = [];
      queue = openDeliveryQueue(backend.url, (error) => errors.push(error));
      test.onTestFinished(() => queue.close());
    });
    const consume = (test: TestContext, handler: (trigger: Trigger) => Promise<void>) => {
      const consumer = consumeDeliveries(backend.url, handler, { concurrency: 2, onError: (e) => errors.push(e) });
      test.onTestFinished(() => consumer.close(0));
      return consumer;
    };
    const waiting = () => queue.bull().getJobCountByTypes('waiting');
    const left = () => queue.bull().getJobCountByTypes('waiting', 'active', 'delayed', 'completed', 'failed');

    it('reach a consumer, parsed, and leave no job', async (test) => {
      const sent: Trigger[] = [{ destination: randomUUID() }, { delivery: randomUUID() }];
      const received: Trigger[] = [];
      for (const trigger of sent) await queue.trigger(trigger);
      consume(test, async (trigger) => void received.push(trigger));
      await expect.poll(() => received, SOON).toHaveLength(2);
      expect(received).toEqual(expect.arrayContaining(sent));
      await expect.poll(left, SOON).toBe(0);
    });

    it('are one job while the same trigger waits, and reach a consumer again afterwards', async (test) => {
      const trigger = { destination: randomUUID() };
      await Promise.all(Array.from({ length: 50 }, () => queue.trigger(trigger)));
      await queue.trigger(trigger);
      expect(await waiting()).toBe(1);
      let received = 0;
      consume(test, async () => {
        received += 1;
      });
      await expect.poll(left, SOON).toBe(0);
      await queue.trigger(trigger);
      await expect.poll(() => received, SOON).toBe(2);
    });

    it('are dropped when the handler throws, so that the next one is received', async (test) => {
      const trigger = { destination: randomUUID() };
      let received = 0;
      consume(test, async () => {
        received += 1;
        if (received === 1) throw new Error('the database is unavailable');
      });
      await queue.trigger(trigger);
      await expect.poll(() => received, SOON).toBe(1);
      await expect.poll(left, SOON).toBe(0);
      await queue.trigger(trigger);
      await expect.poll(() => received, SOON).toBe(2);
    });

    it('never reach the handler if they are invalid', async (test) => {
      await queue.bull().add('deliver', { destination: 'no' }, { removeOnFail: true });
      const received: Trigger[] = [];
      consume(test, async (trigger) => void received.push(trigger));
      await expect.poll(left, SOON).toBe(0);
      expect(received).toEqual([]);
    });

    it('reach a consumer again after everything in the queue was deleted', async (test) => {
      const received: Trigger[] = [];
      const consumer = consume(test, async (trigger) => void received.push(trigger));
      await expect.poll(() => consumer.consuming(), SOON).toBe(true);
      await queue.trigger({ destination: randomUUID() });
      await expect.poll(() => received, SOON).toHaveLength(1);
      await backend.clear();
      const next = { destination: randomUUID() };
      await queue.trigger(next);
      await expect.poll(() => received, SOON).toContainEqual(next);
    });

    it('throw QueueUnavailable while the backend is unavailable, and work once it is back', async (test) => {
      await backend.stop();
      await expect(queue.trigger({ destination: randomUUID() })).rejects.toThrow(QueueUnavailable);
      const received: Trigger[] = [];
      consume(test, async (trigger) => void received.push(trigger));
      await backend.start();
      const next = { destination: randomUUID() };
      await expect
        .poll(
          () =>
            queue.trigger(next).then(
              () => received,
              () => received,
            ),
          SOON,
        )
        .toContainEqual(next);
    });
  });
}
