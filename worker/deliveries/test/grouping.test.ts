import { beforeEach, describe, expect, it } from 'vitest';
import { type DeliveryFixture, openDeliveryFixture, openReceiver, type Receiver, SOON } from './delivery-fixture.ts';

let fixture: DeliveryFixture;
let receiver: Receiver;
beforeEach(async (test) => {
  fixture = await openDeliveryFixture(test);
  receiver = await openReceiver(test);
});

describe('a destination that groups by store', () => {
  it('gets one message per store, and what follows within the interval in the next one', async () => {
    const group = { groupBy: 'store', groupWaitS: 1, groupIntervalS: 4 };
    const { id } = await fixture.addDestination(receiver.url, group);
    const uuids = [];
    for (let n = 0; n < 3; n += 1) uuids.push((await fixture.addAlert('processed', 'a')).uuid);
    await fixture.addAlert('failed', 'b');
    fixture.startWorker({ publicUrl: 'https://alerts.example.com' });
    await expect.poll(() => receiver.received, SOON).toHaveLength(2);
    const formedAt = async () =>
      (await fixture.db.deliveryGroup.findFirst({ where: { groupKey: 'a' } }))?.lastSentAt.getTime() ?? 0;
    const firstAt = await formedAt();
    const first = receiver.received.find(({ body }) => body.group !== undefined);
    expect(first?.body.group).toMatchObject({ store: 'a', count: 3 });
    expect(
      Object(first?.body.group)
        .alerts.map(Object)
        .map((alert: { uuid: string }) => alert.uuid),
    ).toEqual(uuids);
    expect(Object(first?.body.links).list).toMatch(/^https:\/\/alerts\.example\.com\/\?store=a&from=.+&to=/);
    for (let n = 0; n < 2; n += 1) await fixture.addAlert('processed', 'a');
    await expect.poll(() => receiver.received, SOON).toHaveLength(3);
    const [, , third] = receiver.received;
    expect(third?.body.group).toMatchObject({ store: 'a', count: 2 });
    expect((await formedAt()) - firstAt).toBeGreaterThanOrEqual(4_000);
    await expect
      .poll(async () => (await fixture.deliveries(id)).map(({ status }) => status), SOON)
      .toEqual(Array(6).fill('delivered'));
    const leads = new Set((await fixture.deliveries(id)).map(({ messageId }) => messageId));
    expect(leads).toEqual(new Set(receiver.received.map((each) => each.id)));
  });
});

describe('a late alert', () => {
  const received = (uuid: string, ageMs: number) => fixture.db.$executeRaw`
    UPDATE alerts SET received_at = now() - make_interval(secs => ${ageMs / 1000}::float8) WHERE uuid = ${uuid}::uuid`;

  it('is reported once, with the reason, and its result afterwards', async () => {
    const { id } = await fixture.addDestination(receiver.url);
    const { uuid } = await fixture.addAlert('pending');
    await received(uuid, 200_000);
    const { uuid: recent } = await fixture.addAlert('pending');
    await received(recent, 100_000);
    fixture.startWorker({ lateAfterMs: 120_000 });
    fixture.startWorker({ lateAfterMs: 120_000 });
    await expect.poll(() => receiver.received, SOON).toHaveLength(1);
    expect(receiver.received[0]?.body).toMatchObject({
      type: 'alert.late',
      data: { uuid, status: 'pending' },
      late: { reason: 'waiting in the queue', next_attempt_at: null },
    });
    // A later alert that becomes late shows that the scan has passed the first one again.
    await received(recent, 200_000);
    await expect.poll(() => receiver.received, SOON).toHaveLength(2);
    expect(Object(receiver.received[1]?.body.data).uuid).toBe(recent);
    expect(await fixture.deliveries(id)).toHaveLength(2);
  });

  it('is not recorded unless a destination wants the event', async () => {
    await fixture.addDestination(receiver.url, { filterEvents: ['alert.failed'] });
    const { uuid } = await fixture.addAlert('pending');
    await received(uuid, 200_000);
    fixture.startWorker({ lateAfterMs: 120_000 });
    await fixture.addAlert('failed');
    await expect.poll(() => receiver.received, SOON).toHaveLength(1);
    expect(await fixture.db.alert.findUnique({ where: { uuid } })).toMatchObject({ lateAt: null });
  });
});
