import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  claimDeliveries,
  claimDelivery,
  createTestDelivery,
  deliveryFailed,
  deliverySucceeded,
  dueDestinations,
  releaseDelivery,
} from '../deliveries.ts';
import { findDelivery, retryDeliveries, retryDelivery } from '../delivery-listing.ts';
import { setEnabled } from '../destination-backlog.ts';
import { openDeliveryFixture } from './delivery-fixture.ts';

let fixture: Awaited<ReturnType<typeof openDeliveryFixture>>;
beforeEach(async () => {
  fixture = await openDeliveryFixture();
});
afterEach(() => fixture?.close());

const claim = (destinationId: string, options: { limit?: number; leaseMs?: number } = {}) =>
  claimDeliveries(fixture.db, { destinationId, limit: 100, leaseMs: 60_000, ...options });
const ids = (rows: { id: string }[]) => rows.map(({ id }) => id);
const only = <Item>(items: Item[]): Item => {
  expect(items).toHaveLength(1);
  return items[0] as Item; // the length was checked
};

describe('claimDeliveries', () => {
  it('claims due deliveries once, oldest first', async () => {
    const { id } = await fixture.destination();
    for (let n = 0; n < 5; n++) await fixture.finish();
    const all = ids(await fixture.deliveries({ destinationId: id }));
    const first = await claim(id, { limit: 2 });
    expect(first).toMatchObject([{ attempts: 1, attempt: 1, event: 'alert.processed', group: null }, {}]);
    expect([...ids(first), ...ids(await claim(id))]).toEqual(all);
    expect(await claim(id)).toEqual([]);
  });

  it('never gives one delivery to two of several concurrent callers', async () => {
    const { id } = await fixture.destination();
    await Promise.all(Array.from({ length: 60 }, () => fixture.finish()));
    const claimed = (await Promise.all(Array.from({ length: 12 }, () => claim(id, { limit: 10 })))).flat();
    expect(claimed).toHaveLength(60);
    expect(new Set(ids(claimed)).size).toBe(60);
  });

  it('claims again when the lease has ended, and then the first claim changes nothing', async () => {
    const { id } = await fixture.destination();
    await fixture.finish();
    const stale = only(await claim(id));
    expect(await claim(id)).toEqual([]);
    await fixture.age(id, 61);
    expect(await dueDestinations(fixture.db)).toEqual([id]);
    const current = only(await claim(id));
    expect(current).toMatchObject({ id: stale.id, attempts: 2, attempt: 2 });
    expect(await deliverySucceeded(fixture.db, stale, { responseStatus: 200, ms: 1 })).toBe(false);
    expect(await deliveryFailed(fixture.db, stale, { final: true, error: 'x', ms: 1 })).toBe(false);
    expect(await releaseDelivery(fixture.db, stale)).toBe(false);
    expect(await findDelivery(fixture.db, stale.id)).toMatchObject({ status: 'pending', attempts: 2, history: [] });
    expect(await deliverySucceeded(fixture.db, current, { responseStatus: 204, responseBody: 'ok', ms: 5 })).toBe(true);
    expect(await findDelivery(fixture.db, stale.id)).toMatchObject({
      ...{
        status: 'delivered',
        responseStatus: 204,
        responseBody: 'ok',
        lastError: null,
        deliveredAt: expect.any(Date),
      },
      history: [{ at: expect.any(String), status: 204, error: null, ms: 5 }],
    });
    expect(await deliveryFailed(fixture.db, current, { final: true, error: 'x', ms: 1 })).toBe(false);
  });

  it('claims nothing of a disabled destination, nor of a blocked one without the probe', async () => {
    const { id } = await fixture.destination({ enabled: false });
    await fixture.finish();
    expect(await dueDestinations(fixture.db)).toEqual([]);
    expect(await claim(id)).toEqual([]);
    await setEnabled(fixture.db, id, true, { ratePerS: 20 });
    await fixture.db.destination.update({ where: { id }, data: { blockedUntil: new Date(Date.now() - 1_000) } });
    expect(await claim(id)).toEqual([]);
    const probe = { destinationId: id, limit: 1, leaseMs: 60_000, probe: true };
    expect(await claimDeliveries(fixture.db, probe)).toHaveLength(1);
  });

  it('makes a failed attempt due again after its delay, and keeps the last 20 attempts', async () => {
    const { id } = await fixture.destination();
    await fixture.finish();
    for (let n = 1; n <= 22; n++) {
      const claimed = only(await claim(id));
      const failure = { nextAttemptInMs: 3_600_000, error: `try ${n}`, responseStatus: 500, ms: 1 };
      expect(await deliveryFailed(fixture.db, claimed, failure)).toBe(true);
      expect(await claim(id)).toEqual([]);
      await fixture.age(id, 3_601);
    }
    const { history, ...delivery } = only(await fixture.deliveries({ destinationId: id }));
    expect(delivery).toMatchObject({ status: 'pending', attempts: 22, lastError: 'try 22', responseStatus: 500 });
    expect(history).toHaveLength(20);
    expect(history).toMatchObject([{ error: 'try 3' }, ...Array.from({ length: 19 }, () => ({}))]);
  });

  it('stores at most 1 kB of a response, without what PostgreSQL rejects', async () => {
    const { id } = await fixture.destination();
    await fixture.finish();
    const claimed = only(await claim(id));
    const text = `\0\ud800${'€'.repeat(2_000)}`;
    await deliveryFailed(fixture.db, claimed, { final: true, error: text, responseBody: text, ms: 1 });
    const { responseBody, lastError } = only(await fixture.deliveries({ destinationId: id }));
    expect(responseBody).toMatch(/^\ufffd\ufffd€+$/);
    expect(Buffer.byteLength(responseBody ?? '')).toBeLessThanOrEqual(1_024);
    expect(lastError).toBe(responseBody);
  });

  it('does not count a released attempt', async () => {
    const { id } = await fixture.destination();
    await fixture.finish();
    expect(await releaseDelivery(fixture.db, only(await claim(id)))).toBe(true);
    expect(only(await claim(id))).toMatchObject({ attempts: 2, attempt: 1 });
  });
});

describe('claimDelivery', () => {
  it('claims a test of a disabled destination, once', async () => {
    const { id } = await fixture.destination({ enabled: false });
    const test = (await createTestDelivery(fixture.db, id)) ?? '';
    const claims = await Promise.all(Array.from({ length: 4 }, () => claimDelivery(fixture.db, test, 60_000)));
    expect(only(claims.filter((each) => each !== undefined))).toMatchObject({
      event: 'test',
      snapshot: null,
      store: null,
    });
    expect(await createTestDelivery(fixture.db, test)).toBeUndefined();
  });
});

describe('retryDeliveries', () => {
  async function fail(count: number) {
    const { id } = await fixture.destination();
    for (let n = 0; n < count; n++)
      await fixture.finish({ failure: n % 2 === 0 ? 'video_timeout' : 'video_not_found' });
    for (const claimed of await claim(id))
      await deliveryFailed(fixture.db, claimed, { final: true, error: 'no', ms: 1 });
    return id;
  }

  it('counts without changing anything, then retries the oldest at the given rate', async () => {
    const id = await fail(6);
    const filter = { destination: id };
    expect(await retryDeliveries(fixture.db, filter, { max: 4, ratePerS: 2, dryRun: true })).toEqual({
      matched: 6,
      retried: 4,
    });
    expect(await fixture.db.delivery.count({ where: { status: 'failed' } })).toBe(6);
    expect(await retryDeliveries(fixture.db, filter, { max: 4, ratePerS: 2, dryRun: false })).toEqual({
      matched: 6,
      retried: 4,
    });
    const rows = await fixture.deliveries({ destinationId: id });
    expect(rows.map(({ status }) => status)).toEqual([...Array(4).fill('pending'), 'failed', 'failed']);
    const [first, ...others] = rows.slice(0, 4).map(({ nextAttemptAt }) => nextAttemptAt.getTime());
    expect(others.map((at) => at - (first ?? 0))).toEqual([500, 1_000, 1_500]);
    expect(only(await claim(id))).toMatchObject({ attempts: 2, attempt: 1 });
  });

  it('retries what its filter selects', async () => {
    await fail(4);
    const id = await fail(4);
    const options = { max: 100, ratePerS: 100, dryRun: false };
    expect(await retryDeliveries(fixture.db, { failureCode: 'video_timeout', destination: id }, options)).toEqual({
      matched: 2,
      retried: 2,
    });
    expect((await retryDeliveries(fixture.db, { from: new Date(Date.now() + 60_000) }, options)).retried).toBe(0);
    expect((await retryDeliveries(fixture.db, { stores: ['other'] }, options)).retried).toBe(0);
    expect((await retryDeliveries(fixture.db, {}, options)).retried).toBe(6);
  });

  it('of one delivery changes only failed ones', async () => {
    const id = await fail(1);
    const { id: delivery } = only(await fixture.deliveries({ destinationId: id }));
    expect(await retryDelivery(fixture.db, delivery)).toBe(true);
    expect(await retryDelivery(fixture.db, delivery)).toBe(false);
  });
});
