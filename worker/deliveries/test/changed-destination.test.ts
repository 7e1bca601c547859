import { beforeEach, describe, expect, it } from 'vitest';
import { deleteDestination, setEnabled } from '#prisma/destination-backlog.ts';
import { type DeliveryFixture, openDeliveryFixture, openReceiver, type Receiver, SOON } from './delivery-fixture.ts';

let fixture: DeliveryFixture;
let receiver: Receiver;
beforeEach(async (test) => {
  fixture = await openDeliveryFixture(test);
  receiver = await openReceiver(test);
});

const statuses = async (destinationId: string) => (await fixture.deliveries(destinationId)).map(({ status }) => status);

it('spreads a large backlog after the first delivery to an enabled destination', async () => {
  const { id } = await fixture.addDestination(receiver.url, { enabled: false });
  await copyDelivery(id, (await fixture.addAlert()).uuid, 2_100);
  await setEnabled(fixture.db, id, true, { ratePerS: 1 });
  expect(await fixture.destination(id)).toMatchObject({ enabled: true, blockedUntil: expect.any(Date) });
  fixture.startWorker({ backlogRate: 1 });
  await expect.poll(async () => (await fixture.destination(id)).blockedUntil, SOON).toBeNull();
  const { _max, _count } = await fixture.db.delivery.aggregate({
    ...{ where: { status: 'pending' }, _max: { nextAttemptAt: true }, _count: true },
  });
  expect(_count).toBeGreaterThan(1_900);
  // 2,100 deliveries at one per second; some of them could be due.
  expect(_max.nextAttemptAt?.getTime()).toBeGreaterThan(Date.now() + 1_500_000);
  const due = await fixture.db.delivery.count({ where: { status: 'pending', nextAttemptAt: { lt: new Date() } } });
  expect(due).toBeLessThan(100);
});

/** Adds copies of the delivery of an alert. */
async function copyDelivery(destinationId: string, uuid: string, copies: number): Promise<void> {
  await fixture.db.$executeRaw`
    INSERT INTO deliveries (destination_id, event, store, snapshot, created_at, next_attempt_at)
    SELECT destination_id, event, deliveries.store, snapshot, deliveries.created_at + n * interval '1 ms', deliveries.next_attempt_at
    FROM deliveries JOIN alerts ON alerts.id = alert_id, generate_series(1, ${copies}::int) n
    WHERE destination_id = ${destinationId}::uuid AND uuid = ${uuid}::uuid`;
}

describe('a deleted destination', () => {
  it('leaves nothing in the worker', async () => {
    const { id } = await fixture.addDestination(receiver.url);
    await fixture.addAlert();
    const { deliverer } = fixture.startWorker();
    await expect.poll(() => statuses(id), SOON).toEqual(['delivered']);
    await expect.poll(() => deliverer.active, SOON).toBe(0);
    await fixture.db.destination.delete({ where: { id } });
    deliverer.look(id);
    expect(deliverer.active).toBe(1);
    await expect.poll(() => deliverer.active, SOON).toBe(0);
  });

  it('has its deliveries deleted by the worker', async () => {
    const { id } = await fixture.addDestination(receiver.url, { enabled: false });
    await copyDelivery(id, (await fixture.addAlert()).uuid, 2_500);
    expect(await deleteDestination(fixture.db, id, 0)).toBe(true);
    expect(await fixture.db.delivery.count()).toBe(2_501);
    fixture.startWorker();
    fixture.startWorker();
    await expect.poll(() => fixture.db.destination.count({ where: { id } }), SOON).toBe(0);
    expect(await fixture.db.delivery.count()).toBe(0);
    expect(receiver.received).toEqual([]);
  });

  it('has no outage any more', async () => {
    receiver.respond = () => ({ status: 500 });
    const worker = fixture.startWorker();
    const outages = () => fixture.logged.filter(({ msg }) => `${msg}`.startsWith('destination blocked')).length;
    const { createdAt: _, ...row } = await fixture.addDestination(receiver.url);
    for (const expected of [1, 2]) {
      for (let n = 0; n < 5; n += 1) worker.deliverer.look((await fixture.addAlert()).destinations[0] ?? '');
      await expect.poll(outages, SOON).toBe(expected);
      await fixture.db.destination.delete({ where: { id: row.id } });
      await expect.poll(() => worker.deliverer.outages, SOON).toBe(0);
      // The same id, as after a restored backup.
      await fixture.db.destination.create({ data: { ...row, config: { url: receiver.url } } });
    }
  });
});
