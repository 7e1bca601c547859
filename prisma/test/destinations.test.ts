import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { claimDeliveries, createTestDelivery } from '../deliveries.ts';
import { deleteDestination, deletedDestinations, purgeDeleted, setEnabled } from '../destination-backlog.ts';
import {
  acquireProbe,
  createDestination,
  destinationHealth,
  disableDestination,
  findDestination,
  listDestinations,
  NameTaken,
  type NewDestination,
  recordDestinationFailure,
  recordDestinationSuccess,
  updateDestination,
} from '../destinations.ts';
import { createMute } from '../mutes.ts';
import { openDeliveryFixture } from './delivery-fixture.ts';

let fixture: Awaited<ReturnType<typeof openDeliveryFixture>>;
beforeEach(async () => {
  fixture = await openDeliveryFixture();
});
afterEach(() => fixture?.close());

describe('a destination', () => {
  it('has a unique name', async () => {
    const first = await fixture.destination({ name: 'a', secrets: new Uint8Array([1, 2]) });
    const second = await fixture.destination({ name: 'b' });
    await expect(createDestination(fixture.db, { ...NEW, name: 'a' })).rejects.toThrow(NameTaken);
    await expect(updateDestination(fixture.db, second.id, { name: 'a' })).rejects.toThrow(NameTaken);
    const changed = await updateDestination(fixture.db, first.id, { config: { url: 'x' }, secrets: undefined });
    expect(changed).toMatchObject({ name: 'a', config: { url: 'x' }, secrets: new Uint8Array([1, 2]) });
    expect((await listDestinations(fixture.db)).map(({ name }) => name)).toEqual(['a', 'b']);
  });

  it('is deleted with its deliveries and mutes, and alerts are not', async () => {
    const { id } = await fixture.destination();
    const other = await fixture.destination({ groupBy: 'store' });
    const { uuid } = await fixture.finish();
    const endsAt = new Date(Date.now() + 60_000);
    await createMute(fixture.db, {
      store: 's',
      failureCode: null,
      destinationId: id,
      reason: 'r',
      createdBy: 'k',
      endsAt,
    });
    expect(await deleteDestination(fixture.db, id, 60_000)).toBe(true);
    expect(await deleteDestination(fixture.db, id, 60_000)).toBe(false);
    expect(await updateDestination(fixture.db, id, { name: 'x' })).toBeNull();
    expect(await fixture.deliveries({ uuid })).toMatchObject([{ destinationId: other.id }]);
    expect([await fixture.db.alert.count(), await fixture.db.mute.count()]).toEqual([1, 0]);
  });

  it('reports its pending and failed deliveries', async () => {
    const { id } = await fixture.destination();
    const idle = await fixture.destination({ filterStores: ['other'] });
    await fixture.finish();
    await fixture.finish();
    const [oldest] = await fixture.deliveries({ destinationId: id });
    const health = await destinationHealth(fixture.db);
    expect(health.get(id)).toEqual({ pending: 2, failed: 0, oldestPendingAt: oldest?.createdAt });
    expect(health.get(idle.id)).toEqual({ pending: 0, failed: 0, oldestPendingAt: null });
  });
});

describe('a deleted destination', () => {
  it('is gone at once, and its deliveries are deleted later', async () => {
    const { id, name } = await fixture.destination();
    const { uuid } = await fixture.finish();
    expect(await deleteDestination(fixture.db, id, 0)).toBe(true);
    expect(await deleteDestination(fixture.db, id, 0)).toBe(false);
    expect([await findDestination(fixture.db, id), await listDestinations(fixture.db)]).toEqual([null, []]);
    expect(await setEnabled(fixture.db, id, true, { ratePerS: 1 })).toBe(false);
    expect(await createTestDelivery(fixture.db, id)).toBeUndefined();
    expect((await fixture.finish()).destinations).toEqual([]);
    const other = await fixture.destination({ name });
    expect(await deletedDestinations(fixture.db)).toEqual([id]);
    expect(await fixture.deliveries({ uuid })).toHaveLength(1);
    await Promise.all([1, 2, 3].map(() => purgeDeleted(fixture.db, id, 60_000)));
    expect(await deletedDestinations(fixture.db)).toEqual([]);
    expect(await fixture.deliveries({ uuid })).toEqual([]);
    await purgeDeleted(fixture.db, other.id, 0);
    expect(await listDestinations(fixture.db)).toMatchObject([{ id: other.id }]);
  });
});

const NEW: Omit<NewDestination, 'name'> = {
  ...{ kind: 'ntfy', config: {}, filterStores: [], filterEvents: [], filterFailureCodes: [] },
};

describe('enabling', () => {
  it('spreads the pending deliveries over time, oldest first, and closes the circuit breaker', async () => {
    const { id } = await fixture.destination();
    for (let n = 0; n < 5; n++) await fixture.finish();
    expect(await disableDestination(fixture.db, id, 'the receiver responded 410 Gone')).toBe(true);
    expect(await disableDestination(fixture.db, id, 'again')).toBe(false);
    expect(await findDestination(fixture.db, id)).toMatchObject({
      ...{ enabled: false, disabledReason: 'the receiver responded 410 Gone', disabledAt: expect.any(Date) },
    });
    await recordDestinationFailure(fixture.db, id, 'no', { blockedUntilMs: 60_000 });
    expect(await setEnabled(fixture.db, id, true, { ratePerS: 4 })).toBe(true);
    const times = (await fixture.deliveries({ destinationId: id })).map(({ nextAttemptAt }) => nextAttemptAt.getTime());
    expect(times.map((time) => time - (times[0] ?? 0))).toEqual([0, 250, 500, 750, 1_000]);
    expect(await findDestination(fixture.db, id)).toMatchObject({
      ...{ enabled: true, disabledReason: null, disabledAt: null, consecutiveFailures: 0, blockedUntil: null },
    });
  });

  it('leaves an attempt that is in progress its lease', async () => {
    const { id } = await fixture.destination();
    await fixture.finish();
    await claimDeliveries(fixture.db, { destinationId: id, limit: 1, leaseMs: 30_000 });
    await setEnabled(fixture.db, id, false, { ratePerS: 20 });
    await setEnabled(fixture.db, id, true, { ratePerS: 20 });
    expect(await claimDeliveries(fixture.db, { destinationId: id, limit: 1, leaseMs: 30_000 })).toEqual([]);
  });
});

describe('the circuit breaker', () => {
  const breaker = { failures: 3, baseMs: 10_000, maxMs: 40_000 };

  it('opens after failures in a row, for longer each time, and closes on success', async () => {
    const { id } = await fixture.destination();
    const blocked: number[] = [];
    for (let n = 1; n <= 6; n++) {
      expect(await recordDestinationFailure(fixture.db, id, `no ${n}`, { breaker, probe: n > 3 })).toBe(n);
      const [row] = await fixture.db.$queryRaw<{ s: number | null }[]>`
        SELECT extract(epoch FROM blocked_until - last_error_at)::float8 AS s FROM destinations`;
      blocked.push(row?.s ?? 0);
    }
    for (const [n, seconds] of [0, 0, 10, 20, 40, 40].entries()) {
      expect(blocked[n]).toBeLessThanOrEqual(seconds + 0.002);
      expect(blocked[n]).toBeGreaterThanOrEqual(seconds * 0.8 - 0.002);
    }
    await recordDestinationSuccess(fixture.db, id);
    expect(await findDestination(fixture.db, id)).toMatchObject({
      ...{ consecutiveFailures: 0, blockedUntil: null, lastError: 'no 6', lastDeliveredAt: expect.any(Date) },
    });
    expect(await recordDestinationFailure(fixture.db, id, 'no', { blockedUntilMs: 60_000, breaker })).toBe(1);
    const { blockedUntil } = (await findDestination(fixture.db, id)) ?? {};
    expect(blockedUntil?.getTime()).toBeGreaterThan(Date.now() + 30_000);
  });

  it('stays open after a failed probe, also after few failures', async () => {
    const { id } = await fixture.destination();
    await fixture.db.$executeRaw`UPDATE destinations SET blocked_until = now()`;
    expect(await acquireProbe(fixture.db, id, 30_000)).toBe(true);
    expect(await recordDestinationFailure(fixture.db, id, 'no', { breaker, probe: true })).toBe(1);
    expect((await findDestination(fixture.db, id))?.blockedUntil).not.toBeNull();
  });

  it('gives the probe to one of many callers, after the block only', async () => {
    const { id } = await fixture.destination();
    await recordDestinationFailure(fixture.db, id, 'no', { blockedUntilMs: 60_000 });
    expect(await acquireProbe(fixture.db, id, 30_000)).toBe(false);
    await fixture.db.$executeRaw`UPDATE destinations SET blocked_until = now() - interval '1 s'`;
    const winners = await Promise.all(Array.from({ length: 10 }, () => acquireProbe(fixture.db, id, 30_000)));
    expect(winners.filter(Boolean)).toHaveLength(1);
    expect(await acquireProbe(fixture.db, id, 30_000)).toBe(false);
  });

  it('writes a success only if something changes', async () => {
    const { id } = await fixture.destination();
    await recordDestinationSuccess(fixture.db, id);
    const version = async () =>
      (await fixture.db.$queryRaw<{ x: string }[]>`SELECT xmin::text AS x FROM destinations`)[0]?.x;
    const before = await version();
    await fixture.db.$executeRaw`SELECT 1`;
    await recordDestinationSuccess(fixture.db, id);
    expect(await version()).toBe(before);
  });
});
