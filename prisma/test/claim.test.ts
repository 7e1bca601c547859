// Over 250 lines: every write that a claim permits, each before and after another claim.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '#test/harness/test-database.ts';
import {
  addPending,
  claim,
  findAlert,
  type Lease,
  markNotified,
  type NewAlert,
  recordFailure,
  recordResolution,
  release,
  retryFailed,
} from '../alerts.ts';
import { type Database, openDatabase } from '../client.ts';

let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase(database.url, { poolSize: 10, onError: () => {} });
});
afterAll(async () => {
  await db.$disconnect();
  await database.drop();
});

const RESOLUTION = {
  resolution: '720x1280',
  width: 720,
  height: 1280,
  rotation: 90,
  codec: 'h264',
  container: 'mp4',
  duration: 3.04,
};
const FAILURE = { code: 'video_not_found', detail: '404' } as const;

function newAlert(fields: Partial<NewAlert> = {}): NewAlert {
  return { uuid: randomUUID(), video: '/videos/a.mp4', store: 'store', timestamp: 1, requestId: 'r', ...fields };
}

async function addClaimed(): Promise<Lease> {
  const { uuid } = newAlert();
  await addPending(db, newAlert({ uuid }));
  await claim(db, uuid);
  return { uuid, claim: 1 };
}

/** Every write that a lease permits; each returns whether it changed the row. */
const WRITES: [string, (lease: Lease) => Promise<unknown>][] = [
  ['recordResolution', async (lease) => (await recordResolution(db, lease, RESOLUTION, 7)).recorded],
  ['recordFailure', async (lease) => (await recordFailure(db, lease, FAILURE, 7)).recorded],
  ['release', (lease) => release(db, lease, 7, { refund: false })],
  ['release with refund', (lease) => release(db, lease, 7, { refund: true })],
];

describe('addPending', () => {
  it('creates one row for fifty concurrent calls and returns it to all', async () => {
    const alert = newAlert();
    const results = await Promise.all(Array.from({ length: 50 }, () => addPending(db, alert)));
    expect(results.filter(({ created }) => created)).toHaveLength(1);
    expect(new Set(results.map((result) => result.alert.id)).size).toBe(1);
    expect(await db.alert.count({ where: { uuid: alert.uuid } })).toBe(1);
  });

  it('does not change an existing row, even if other fields differ', async () => {
    const alert = newAlert();
    await addPending(db, alert);
    const { created, alert: kept } = await addPending(db, { ...alert, store: 'other', requestId: 'later' });
    expect(created).toBe(false);
    expect(kept).toMatchObject({ store: 'store', requestId: 'r' });
  });

  it('stores a pending alert that is not notified', async () => {
    const alert = newAlert();
    const { alert: stored } = await addPending(db, alert);
    expect(stored).toMatchObject({ ...alert, status: 'pending', attempts: 0, bytesFetched: 0n, notifiedAt: null });
    expect(await findAlert(db, alert.uuid)).toEqual(stored);
  });

  it.each([1748871320.6882, 0.1, 1e-7, 0, 4102444800.123456])('keeps every digit of the timestamp %d', async (ts) => {
    const { alert } = await addPending(db, newAlert({ timestamp: ts }));
    expect(alert.timestamp).toBe(ts);
    expect((await findAlert(db, alert.uuid))?.timestamp).toBe(ts);
  });
});

describe('findAlert', () => {
  it('returns null for an unknown uuid', async () => {
    expect(await findAlert(db, randomUUID())).toBeNull();
  });
});

describe('claim', () => {
  it('claims a pending alert, counts the attempt and stores its start', async () => {
    const { uuid } = await addClaimed();
    const alert = await findAlert(db, uuid);
    expect(alert).toMatchObject({ status: 'processing', attempts: 1 });
    expect(Date.now() - (alert?.startedAt?.getTime() ?? 0)).toBeLessThan(60_000);
  });

  it('takes over an alert that another worker holds, with the next attempt number', async () => {
    const { uuid } = await addClaimed();
    expect(await claim(db, uuid)).toMatchObject({ kind: 'claimed', alert: { attempts: 2, crashes: 1 } });
    expect(await findAlert(db, uuid)).toMatchObject({ status: 'processing', attempts: 2, crashes: 1 });
  });

  it('gives concurrent claims different attempt numbers', async () => {
    const { uuid } = await addClaimed();
    const claims = await Promise.all(Array.from({ length: 8 }, () => claim(db, uuid)));
    const numbers = claims.map((one) => (one.kind === 'claimed' ? one.alert.attempts : 0));
    expect(numbers.sort()).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it.each([
    ['processed', (lease: Lease) => recordResolution(db, lease, RESOLUTION, 0)],
    ['failed', (lease: Lease) => recordFailure(db, lease, FAILURE, 0)],
  ])('returns a %s alert as final and does not change it', async (status, end) => {
    const lease = await addClaimed();
    await end(lease);
    const before = await findAlert(db, lease.uuid);
    expect(await claim(db, lease.uuid)).toEqual({ kind: 'final', alert: before });
    expect(await findAlert(db, lease.uuid)).toEqual(before);
    expect(before?.status).toBe(status);
  });

  it('returns unknown for an unknown uuid', async () => {
    expect(await claim(db, randomUUID())).toEqual({ kind: 'unknown' });
  });
});

describe('the result of an attempt', () => {
  it('stores the resolution and ends the alert', async () => {
    const lease = await addClaimed();
    expect(await recordResolution(db, lease, RESOLUTION, 65_536)).toMatchObject({ recorded: true, destinations: [] });
    const alert = await findAlert(db, lease.uuid);
    expect(alert).toMatchObject({ ...RESOLUTION, status: 'processed', attempts: 1, bytesFetched: 65_536n });
    expect(alert?.processedAt).toBeInstanceOf(Date);
  });

  it('stores the failure code and ends the alert', async () => {
    const lease = await addClaimed();
    expect(await recordFailure(db, lease, FAILURE, 12)).toMatchObject({ recorded: true, destinations: [] });
    const alert = await findAlert(db, lease.uuid);
    expect(alert).toMatchObject({
      status: 'failed',
      failureCode: 'video_not_found',
      failureDetail: '404',
      resolution: null,
      bytesFetched: 12n,
    });
    expect(alert?.processedAt).toBeInstanceOf(Date);
  });

  it.each(WRITES)('%s changes nothing after another attempt has started', async (_, write) => {
    const stale = await addClaimed();
    await claim(db, stale.uuid);
    const before = await findAlert(db, stale.uuid);
    expect((await write(stale)) ?? false).toBe(false);
    expect(await findAlert(db, stale.uuid)).toEqual(before);
  });

  it.each(WRITES)('%s changes nothing after the alert is final', async (_, write) => {
    const lease = await addClaimed();
    await recordResolution(db, lease, RESOLUTION, 0);
    const before = await findAlert(db, lease.uuid);
    expect((await write(lease)) ?? false).toBe(false);
    expect(await findAlert(db, lease.uuid)).toEqual(before);
  });

  it.each(WRITES)('%s changes nothing after the alert was released', async (_, write) => {
    const lease = await addClaimed();
    await release(db, lease, 0, { refund: false });
    const before = await findAlert(db, lease.uuid);
    expect((await write(lease)) ?? false).toBe(false);
    expect(await findAlert(db, lease.uuid)).toEqual(before);
  });
});

describe('release', () => {
  it('sets the alert to pending and counts the attempt', async () => {
    const lease = await addClaimed();
    await release(db, lease, 5, { refund: false });
    expect(await findAlert(db, lease.uuid)).toMatchObject({ status: 'pending', attempts: 1, bytesFetched: 5n });
  });

  it('does not count an attempt that is refunded', async () => {
    const lease = await addClaimed();
    await release(db, lease, 5, { refund: true });
    expect(await findAlert(db, lease.uuid)).toMatchObject({ status: 'pending', attempts: 0, bytesFetched: 5n });
    expect(await claim(db, lease.uuid)).toMatchObject({ kind: 'claimed', alert: { attempts: 1 } });
  });

  it('never gives a claim number back, so a write of the released claim that arrives late changes nothing', async () => {
    const late = await addClaimed();
    await release(db, late, 0, { refund: true });
    const next = await claim(db, late.uuid);
    expect(next).toMatchObject({ kind: 'claimed', alert: { attempts: 1, claims: 2 } });
    expect(await recordFailure(db, late, FAILURE, 0)).toMatchObject({ recorded: false, destinations: [] });
    expect(await recordResolution(db, { ...late, claim: 2 }, RESOLUTION, 0)).toMatchObject({ recorded: true });
  });

  it('adds up the bytes of all attempts', async () => {
    const { uuid } = await addClaimed();
    await release(db, { uuid, claim: 1 }, 100, { refund: false });
    await claim(db, uuid);
    await release(db, { uuid, claim: 2 }, 20, { refund: false });
    await claim(db, uuid);
    await recordResolution(db, { uuid, claim: 3 }, RESOLUTION, 3);
    expect(await findAlert(db, uuid)).toMatchObject({ bytesFetched: 123n });
  });
});

describe('markNotified', () => {
  it('marks a final alert once', async () => {
    const lease = await addClaimed();
    await recordFailure(db, lease, FAILURE, 0);
    const marks = await Promise.all(Array.from({ length: 5 }, () => markNotified(db, lease)));
    expect(marks.filter(Boolean)).toHaveLength(1);
    const marked = (await findAlert(db, lease.uuid))?.notifiedAt;
    expect(marked).toBeInstanceOf(Date);
    expect(await markNotified(db, lease)).toBe(false);
    expect((await findAlert(db, lease.uuid))?.notifiedAt).toEqual(marked);
  });

  it('does not mark an alert that is not final', async () => {
    const lease = await addClaimed();
    expect(await markNotified(db, lease)).toBe(false);
    expect((await findAlert(db, lease.uuid))?.notifiedAt).toBeNull();
  });

  it('does not mark the result of a later claim: its notification would be lost', async () => {
    const stale = await addClaimed();
    await recordFailure(db, stale, FAILURE, 0);
    await retryFailed(db, [stale.uuid]);
    await claim(db, stale.uuid);
    await recordResolution(db, { ...stale, claim: 2 }, RESOLUTION, 0);
    expect(await markNotified(db, stale)).toBe(false);
    expect((await findAlert(db, stale.uuid))?.notifiedAt).toBeNull();
    expect(await markNotified(db, { ...stale, claim: 2 })).toBe(true);
  });
});
