import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  claimDeliveries,
  claimDelivery,
  createTestDelivery,
  deliveryFailed,
  deliverySucceeded,
} from '../deliveries.ts';
import { formGroups } from '../delivery-groups.ts';
import { retryDelivery } from '../delivery-listing.ts';
import { updateDestination } from '../destinations.ts';
import { openDeliveryFixture } from './delivery-fixture.ts';

let fixture: Awaited<ReturnType<typeof openDeliveryFixture>>;
beforeEach(async () => {
  fixture = await openDeliveryFixture();
});
afterEach(() => fixture?.close());

const claim = (destinationId: string) => claimDeliveries(fixture.db, { destinationId, limit: 100, leaseMs: 60_000 });
const only = <Item>(items: Item[]): Item => {
  expect(items).toHaveLength(1);
  return items[0] as Item; // the length was checked
};

describe('a grouped destination', () => {
  const grouped = (waitS: number, intervalS: number) =>
    fixture.destination({ groupBy: 'store', groupWaitS: waitS, groupIntervalS: intervalS });

  it('waits for the first delivery of a store to be old enough, and for the interval after a message', async () => {
    const { id } = await grouped(30, 300);
    await fixture.finish();
    await fixture.finish();
    const { nextAt } = await formGroups(fixture.db, id);
    const [first] = await fixture.deliveries({ destinationId: id });
    expect(nextAt?.getTime()).toBe((first?.createdAt.getTime() ?? 0) + 30_000);
    expect(await claim(id)).toEqual([]);
    await fixture.age(id, 31);
    expect(await formGroups(fixture.db, id)).toEqual({});
    const message = only(await claim(id));
    expect(message).toMatchObject({ id: first?.id, group: { count: 2, snapshots: [{ store: 'store-1' }, {}] } });
    await deliverySucceeded(fixture.db, message, { responseStatus: 200, ms: 1 });

    await fixture.finish();
    await fixture.age(id, 31);
    const second = await formGroups(fixture.db, id);
    expect(second.nextAt?.getTime()).toBeGreaterThan(Date.now() + 200_000);
    expect(await claim(id)).toEqual([]);
    await fixture.finish({ store: 'other' });
    await fixture.age(id, 31);
    await formGroups(fixture.db, id);
    expect(only(await claim(id))).toMatchObject({ store: 'other', group: { count: 1 } });
    await fixture.db.$executeRaw`UPDATE delivery_groups SET last_sent_at = now() - interval '301 s'`;
    await formGroups(fixture.db, id);
    expect(only(await claim(id))).toMatchObject({ store: 'store-1', group: { count: 1 } });
  });

  it('sends members with their lead: delivered, due again or failed together, and retried together', async () => {
    const { id } = await grouped(0, 0);
    for (let n = 0; n < 3; n++) await fixture.finish();
    await formGroups(fixture.db, id);
    const lead = only(await claim(id));
    await deliveryFailed(fixture.db, lead, { nextAttemptInMs: 3_600_000, error: 'no', responseStatus: 500, ms: 1 });
    const statuses = async () =>
      (await fixture.deliveries({ destinationId: id })).map(({ status, lastError }) => `${status} ${lastError}`);
    expect(await statuses()).toEqual(['pending no', 'pending no', 'pending no']);
    expect(await claim(id)).toEqual([]);
    await fixture.age(id, 3_601);
    const again = only(await claim(id));
    expect(again).toMatchObject({ id: lead.id, attempt: 2, group: { count: 3 } });
    await deliveryFailed(fixture.db, again, { final: true, error: 'never', ms: 1 });
    expect(await statuses()).toEqual(['failed never', 'failed never', 'failed never']);
    const [, member] = await fixture.deliveries({ destinationId: id });
    expect(await retryDelivery(fixture.db, member?.id ?? '')).toBe(true);
    const retried = await claimDelivery(fixture.db, member?.id ?? '', 60_000);
    expect(retried).toMatchObject({ id: lead.id, attempts: 3, attempt: 1, group: { count: 3 } });
    if (!retried) throw new Error('not claimed');
    await deliverySucceeded(fixture.db, retried, { responseStatus: 200, ms: 1 });
    expect(await statuses()).toEqual(Array(3).fill('delivered null'));
  });

  it('drops nothing when several workers form and send messages at the same time', async () => {
    const { id } = await grouped(0, 0);
    const sent: string[] = [];
    const work = async () => {
      await formGroups(fixture.db, id);
      for (const message of await claim(id)) {
        sent.push(...(message.group?.snapshots ?? []).map(({ uuid }) => uuid));
        await deliverySucceeded(fixture.db, message, { responseStatus: 200, ms: 1 });
      }
    };
    const uuids: string[] = [];
    for (let round = 0; round < 6; round++) {
      const finishing = Promise.all(Array.from({ length: 8 }, (_, n) => fixture.finish({ store: `store-${n % 2}` })));
      await Promise.all([finishing, work(), work(), work()]);
      uuids.push(...(await finishing).map(({ uuid }) => uuid));
    }
    await work();
    const left = (await fixture.deliveries({ destinationId: id })).filter(({ status }) => status !== 'delivered');
    expect(left).toEqual([]);
    expect(sent.toSorted()).toEqual(uuids.toSorted());
  });

  it('sends a test, and what waits after grouping was switched off, alone', async () => {
    const { id } = await grouped(3_600, 3_600);
    await fixture.finish();
    const test = await createTestDelivery(fixture.db, id);
    expect(only(await claim(id)).id).toBe(test);
    await updateDestination(fixture.db, id, { groupBy: null, groupWaitS: null, groupIntervalS: null });
    expect(only(await claim(id))).toMatchObject({ event: 'alert.processed', group: null });
    expect(await formGroups(fixture.db, id)).toEqual({});
  });

  it('sends what remains of a message whose lead was deleted', async () => {
    const { id } = await grouped(0, 0);
    const { uuid } = await fixture.finish();
    await fixture.finish();
    await formGroups(fixture.db, id);
    await fixture.db.alert.delete({ where: { uuid } });
    await formGroups(fixture.db, id);
    expect(only(await claim(id))).toMatchObject({ group: { count: 1 } });
  });
});
