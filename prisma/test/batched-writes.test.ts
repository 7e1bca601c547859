import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createTestDatabase, type TestDatabase } from '#test/harness/test-database.ts';
import {
  addPending,
  claim,
  findAlert,
  type Lease,
  markNotified,
  recordFailure,
  recordResolution,
  release,
  retryFailed,
} from '../alerts.ts';
import { type Database, openDatabase } from '../client.ts';
import { DatabaseError } from '../errors.ts';
import { RESOLUTION } from './delivery-fixture.ts';

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

function newUuids(count: number): string[] {
  return Array.from({ length: count }, () => randomUUID());
}

function add(uuid: string, store = 'store') {
  return addPending(db, { uuid, video: '/a.mp4', store, timestamp: 1, requestId: 'r' });
}

async function addClaimed(count: number): Promise<Lease[]> {
  const uuids = newUuids(count);
  await Promise.all(uuids.map((uuid) => add(uuid)));
  await Promise.all(uuids.map((uuid) => claim(db, uuid)));
  return uuids.map((uuid) => ({ uuid, claim: 1 }));
}

/** Returns the transaction that last changed each of these rows. */
async function transactionsOf(uuids: string[]): Promise<Map<string, bigint>> {
  const rows = await db.$queryRaw<{ uuid: string; xid: string }[]>`
    SELECT uuid::text, change_xid::text AS xid FROM alerts WHERE uuid = ANY(${uuids}::uuid[])`;
  return new Map(rows.map(({ uuid, xid }) => [uuid, BigInt(xid)]));
}

async function openSession(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

/** Waits until this many sessions wait for a lock. */
async function waitForLockWaiters(count: number): Promise<void> {
  const waiting = () => db.$queryRaw<{ n: number }[]>`SELECT count(*)::int AS n FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'`;
  await expect.poll(waiting, { timeout: 150_000, interval: 10 }).toEqual([{ n: count }]);
}

describe('concurrent writes', () => {
  it('of one kind share a transaction', async () => {
    const uuids = newUuids(60);
    await Promise.all(uuids.map((uuid) => add(uuid)));
    expect(new Set((await transactionsOf(uuids)).values()).size).toBe(1);
    await Promise.all(uuids.map((uuid) => claim(db, uuid)));
    expect(new Set((await transactionsOf(uuids)).values()).size).toBe(1);
    const leases = uuids.map((uuid) => ({ uuid, claim: 1 }));
    await Promise.all(leases.map((lease) => recordResolution(db, lease, RESOLUTION, 1)));
    expect(new Set((await transactionsOf(uuids)).values()).size).toBe(1);
    await Promise.all(leases.map((lease) => markNotified(db, lease)));
    const marks = await db.alert.groupBy({ by: ['notifiedAt'], where: { uuid: { in: uuids } } });
    expect(marks).toEqual([{ notifiedAt: expect.any(Date) }]);
  });

  it('return each caller its own row', async () => {
    const uuids = newUuids(40);
    const stored = await Promise.all(uuids.map((uuid, n) => add(uuid, `store ${n}`)));
    expect(stored.map(({ alert }) => [alert.uuid, alert.store])).toEqual(uuids.map((uuid, n) => [uuid, `store ${n}`]));
    const claims = await Promise.all(uuids.map((uuid) => claim(db, uuid)));
    expect(claims.map((one) => one.kind === 'claimed' && one.alert.store)).toEqual(uuids.map((_, n) => `store ${n}`));
  });

  it('of all kinds of results update each row on its own', async () => {
    const [processed, failed, stale, released, refunded] = await addClaimed(5);
    if (!processed || !failed || !stale || !released || !refunded) throw new Error('claimed fewer than five');
    await claim(db, stale.uuid);
    const results = await Promise.all([
      recordResolution(db, processed, RESOLUTION, 1),
      recordFailure(db, failed, { code: 'video_timeout', detail: 'slow' }, 2),
      recordResolution(db, stale, RESOLUTION, 3),
      release(db, released, 4, { refund: false, error: 'video_timeout: silent' }),
      release(db, refunded, 5, { refund: true }),
    ]);
    const [yes, no] = [true, false].map((recorded) => ({ recorded, destinations: [] }));
    expect(results).toMatchObject([yes, yes, no, true, true]);
    const rows = await Promise.all(
      [processed, failed, stale, released, refunded].map(({ uuid }) => findAlert(db, uuid)),
    );
    expect(rows).toMatchObject([
      { status: 'processed', resolution: '2x1', failureCode: null, bytesFetched: 1n, lastError: null },
      { status: 'failed', resolution: null, failureCode: 'video_timeout', failureDetail: 'slow', bytesFetched: 2n },
      { status: 'processing', attempts: 2, crashes: 1, resolution: null, bytesFetched: 0n },
      { status: 'pending', attempts: 1, bytesFetched: 4n, lastError: 'video_timeout: silent' },
      { status: 'pending', attempts: 0, bytesFetched: 5n, lastError: null },
    ]);
  });

  it('fail only for the one that PostgreSQL rejects', async () => {
    const leases = await addClaimed(30);
    const results = await Promise.allSettled(
      leases.map((lease, n) =>
        n === 11
          ? recordFailure(db, lease, { code: 'video_unreadable', detail: 'a NUL \0 in it' }, 0)
          : recordResolution(db, lease, RESOLUTION, 0),
      ),
    );
    const rejected = results.flatMap((one, n) => (one.status === 'rejected' ? [[n, one.reason]] : []));
    expect(rejected).toEqual([[11, expect.any(DatabaseError)]]);
    const rows = await Promise.all(leases.map(({ uuid }) => findAlert(db, uuid)));
    expect(rows.map((row) => row?.status)).toEqual(leases.map((_, n) => (n === 11 ? 'processing' : 'processed')));
  });

  it('are repeated after a deadlock with another session', async () => {
    const [first, second] = (await addClaimed(2)).sort((a, b) => (a.uuid < b.uuid ? -1 : 1));
    if (!first || !second) throw new Error('claimed fewer than two');
    const other = await openSession();
    await other.query(`SET deadlock_timeout = '60s'`); // so that our session detects the deadlock and is its victim
    await other.query('BEGIN');
    await other.query('SELECT 1 FROM alerts WHERE uuid = $1 FOR UPDATE', [second.uuid]);
    const results = Promise.all([first, second].map((lease) => recordResolution(db, lease, RESOLUTION, 0)));
    await waitForLockWaiters(1);
    await other.query('SELECT 1 FROM alerts WHERE uuid = $1 FOR UPDATE', [first.uuid]);
    await other.query('COMMIT');
    expect(await results).toMatchObject([{ recorded: true }, { recorded: true }]);
  });
});

describe('one alert twice at the same time', () => {
  it('is created once, and returned to the other caller', async () => {
    const [twice = '', ...others] = newUuids(5);
    const stored = await Promise.all([twice, ...others, twice].map((uuid, n) => add(uuid, `store ${n}`)));
    expect(stored.map(({ created }) => created)).toEqual([true, true, true, true, true, false]);
    expect(stored.at(-1)?.alert.store).toBe('store 0');
  });

  it('is claimed twice, one after the other', async () => {
    const [uuid = '', neighbour = ''] = newUuids(2);
    await Promise.all([uuid, neighbour].map((one) => add(one)));
    const claims = await Promise.all([uuid, neighbour, uuid].map((one) => claim(db, one)));
    expect(claims).toMatchObject([
      { kind: 'claimed', alert: { uuid, attempts: 1, crashes: 0 } },
      { kind: 'claimed', alert: { uuid: neighbour, attempts: 1 } },
      { kind: 'claimed', alert: { uuid, attempts: 2, crashes: 1 } },
    ]);
  });

  it('is written only by the first of two results', async () => {
    const [lease] = await addClaimed(1);
    if (!lease) throw new Error('claimed none');
    const results = await Promise.all([
      recordFailure(db, lease, { code: 'video_timeout', detail: 'first' }, 1),
      recordResolution(db, lease, RESOLUTION, 1),
    ]);
    expect(results).toMatchObject([{ recorded: true }, { recorded: false }]);
    expect(await findAlert(db, lease.uuid)).toMatchObject({ status: 'failed', failureDetail: 'first' });
  });
});

describe('a claim', () => {
  it('claims an alert that its holder releases at the same time', async () => {
    const [lease] = await addClaimed(1);
    if (!lease) throw new Error('claimed none');
    const holder = await openSession();
    await holder.query('BEGIN');
    await holder.query(`UPDATE alerts SET status = 'pending' WHERE uuid = $1`, [lease.uuid]);
    const claimed = claim(db, lease.uuid);
    await waitForLockWaiters(1);
    await holder.query('COMMIT');
    expect(await claimed).toMatchObject({ kind: 'claimed', alert: { attempts: 2, crashes: 0 } });
  });

  it('claims an alert that an operator retries at the same time', async () => {
    const [lease] = await addClaimed(1);
    if (!lease) throw new Error('claimed none');
    await recordFailure(db, lease, { code: 'video_timeout', detail: '' }, 0);
    let claims = 0;
    const racing: Database = {
      ...db,
      alert: db.alert,
      writes: {
        ...db.writes,
        async claim(item) {
          const claimed = await db.writes.claim(item);
          claims += 1;
          if (claims === 1) await retryFailed(db, [item.uuid]);
          return claimed;
        },
      },
    };
    expect(await claim(racing, lease.uuid)).toMatchObject({ kind: 'claimed', alert: { attempts: 2, crashes: 0 } });
    expect(claims).toBe(2);
  });

  it('stores when its job entered the queue', async () => {
    const [uuid = '', other = ''] = newUuids(2);
    await Promise.all([uuid, other].map((one) => add(one)));
    const queuedAt = new Date('2026-11-22T10:00:00.123Z');
    await Promise.all([claim(db, uuid, queuedAt), claim(db, other)]);
    expect((await findAlert(db, uuid))?.queuedAt).toEqual(queuedAt);
    expect((await findAlert(db, other))?.queuedAt).toBeNull();
  });
});

describe('closing the database', () => {
  it('waits for the writes in progress', async () => {
    const closing = openDatabase(database.url, { poolSize: 2, onError: () => {} });
    const uuids = newUuids(500);
    const stored = uuids.map((uuid) =>
      addPending(closing, { uuid, video: '/a.mp4', store: 's', timestamp: 1, requestId: 'r' }),
    );
    await Promise.all([closing.$disconnect(), closing.$disconnect()]);
    expect((await Promise.all(stored)).every(({ created }) => created)).toBe(true);
  });
});
