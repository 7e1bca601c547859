import { randomBytes } from 'node:crypto';
import { describe, expect, inject, it } from 'vitest';
import { openWorkerFixture } from '../../test/worker-fixture.ts';
import { addAlert, addDestination, openReceiver } from './delivery-fixture.ts';

const SOON = { timeout: 600_000, interval: 50 };
const OPTIONS = { timeout: 300_000 };
const secretsKey = randomBytes(32);
const env = { SECRETS_KEY: secretsKey.toString('base64'), DESTINATION_ALLOW_CIDRS: '127.0.0.0/8' };

describe.each([
  ['postgres', false],
  ['redis', inject('redisUrl') === null],
] as const)('a worker process with the queue on %s', (backend, missing) => {
  it.skipIf(missing)('delivers the result of an alert, once', OPTIONS, async (t) => {
    const { db, send, startWorker, waitUntilNotified } = await openWorkerFixture(t, backend);
    const receiver = await openReceiver(t);
    const { id } = await addDestination({ db, secretsKey }, receiver.url);
    const worker = startWorker(env);
    const uuid = await send('/right/h264.mp4');
    await waitUntilNotified(uuid);
    await expect
      .poll(() => db.delivery.findMany({ where: { destinationId: id } }), SOON)
      .toMatchObject([{ status: 'delivered', attempts: 1, id: receiver.received[0]?.id ?? expect.any(String) }]);
    expect(receiver.received).toMatchObject([{ body: { type: 'alert.processed', data: { uuid } } }]);
    expect(await worker.stop()).toBe('0');
  });

  it.skipIf(missing)(
    'is killed during a delivery: another one sends it after the lease, under the same id',
    OPTIONS,
    async (t) => {
      const { db, startWorker } = await openWorkerFixture(t, backend);
      const receiver = await openReceiver(t);
      receiver.respond = () => (receiver.received.length === 1 ? 'stall' : { status: 200 });
      const { id } = await addDestination({ db, secretsKey }, receiver.url);
      await addAlert(db);
      const short = { ...env, DELIVERY_TIMEOUT_MS: '5000' };
      const first = startWorker(short);
      await expect.poll(() => receiver.received, SOON).toHaveLength(1);
      await first.kill();
      startWorker(short);
      await expect.poll(() => receiver.received, SOON).toHaveLength(2);
      expect(receiver.received[1]?.id).toBe(receiver.received[0]?.id);
      expect((receiver.received[1]?.at ?? 0) - (receiver.received[0]?.at ?? 0)).toBeGreaterThanOrEqual(15_000);
      await expect
        .poll(() => db.delivery.findMany({ where: { destinationId: id } }), SOON)
        .toMatchObject([{ status: 'delivered', attempts: 2 }]);
    },
  );

  it.skipIf(missing || backend === 'postgres')('delivers while the queue is unavailable', OPTIONS, async (t) => {
    const { db, proxies, startWorker } = await openWorkerFixture(t, backend);
    const receiver = await openReceiver(t);
    await addDestination({ db, secretsKey }, receiver.url);
    const worker = startWorker(env);
    await worker.ready;
    await proxies.redis.refuse();
    await addAlert(db);
    await expect.poll(() => receiver.received, SOON).toHaveLength(1);
  });
});
