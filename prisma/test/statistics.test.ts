import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '#test/harness/test-database.ts';
import { retryFailed } from '../alerts.ts';
import { type Database, openDatabase } from '../client.ts';
import { countAlerts, MAX_COUNTED, minutesOf, oldestUnfinishedSeconds } from '../statistics.ts';

const ROWS = 200_000;
const END = Date.parse('2026-05-20T00:00:00Z');
const ago = (minutes: number) => new Date(END - minutes * 60_000);

let database: TestDatabase;
let observer: pg.Client;
beforeAll(async () => {
  database = await createTestDatabase();
  observer = new pg.Client({ connectionString: database.url });
  await observer.connect();
  // Two per minute up to END, 20 stores, every tenth alert failed.
  await observer.query(
    `INSERT INTO alerts (uuid, video, store, timestamp, request_id, received_at, status, failure_code, processed_at, notified_at)
     SELECT gen_random_uuid(), '/a.mp4', 'store-' || n % 20, n, 'r', at,
       CASE WHEN n % 10 = 0 THEN 'failed' ELSE 'processed' END::alert_status,
       CASE WHEN n % 10 = 0 THEN 'video_timeout' END::failure_code, at + interval '1 s', at + interval '1 s'
     FROM generate_series(1, $1) n, LATERAL (SELECT $2::timestamptz - n * interval '30 s' AS at) t`,
    [ROWS, new Date(END)],
  );
  await observer.query('VACUUM ANALYZE alerts');
});
afterAll(async () => {
  await observer.end();
  await database.drop();
});

type Reads = { sequential: number; byIndex: number };

/** Returns the rows read so far by sequential scans, and through indexes. */
async function reads(): Promise<Reads> {
  const { rows } = await observer.query<{ sequential: string; by_index: string }>(
    `SELECT seq_tup_read AS sequential, idx_tup_fetch AS by_index FROM pg_stat_user_tables WHERE relname = 'alerts'`,
  );
  return { sequential: Number(rows[0]?.sequential), byIndex: Number(rows[0]?.by_index) };
}

/** Returns the rows that these queries read, by PostgreSQL's own statistics. A session reports them when it ends. */
async function readsOf(work: (db: Database) => Promise<unknown>): Promise<Reads> {
  const earlier = await reads();
  const db = openDatabase(database.url, { poolSize: 1, onError: () => {} });
  await work(db).finally(() => db.$disconnect());
  const others = `SELECT count(*)::int AS n FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`;
  await expect.poll(async () => (await observer.query(others)).rows[0].n, { timeout: 150_000 }).toBe(0);
  const later = await reads();
  return { sequential: later.sequential - earlier.sequential, byIndex: later.byIndex - earlier.byIndex };
}

const total = (groups: { count: number }[]) => groups.reduce((sum, { count }) => sum + count, 0);

describe(`on ${ROWS} alerts`, () => {
  it.each([
    ['a day', {}, { from: ago(1_440) }, 2_880],
    ['a day in the middle', {}, { from: ago(50_000), to: ago(48_560) }, 2_880],
    ['a day of a store', { store: 'store-3' }, { from: ago(1_440) }, 144],
    ['a day of some stores', { stores: ['store-3', 'store-4'] }, { from: ago(1_440) }, 288],
  ])('counting %s reads only the rows of the period', async (_, filter, window, expected) => {
    const read = await readsOf(async (db) => expect(total(await countAlerts(db, filter, window))).toBe(expected));
    expect(read.sequential).toBe(0);
    // For several stores it reads all stores' rows of the period, through the index on the time.
    expect(read.byIndex).toBeLessThanOrEqual(('stores' in filter ? 2_880 : expected) + 5);
  });

  it('the minutes of an hour read only the rows of that hour', async () => {
    const read = await readsOf(async (db) => {
      const minutes = await minutesOf(db, {}, ago(60));
      expect(minutes).toHaveLength(60);
      expect(minutes[0]).toMatchObject({ received: 2, p50: 1_000, p95: 1_000 });
    });
    expect(read.sequential).toBe(0);
    expect(read.byIndex).toBeLessThanOrEqual(125);
  });

  it('an alert that an operator retried is measured from the retry', async () => {
    const db = openDatabase(database.url, { poolSize: 1, onError: () => {} });
    const [last] = await db.$queryRaw<[{ uuid: string }]>`
      UPDATE alerts SET round_started_at = processed_at - interval '10 ms', processed_at = processed_at
      WHERE id = 1 RETURNING uuid`;
    expect(await minutesOf(db, { store: 'store-1' }, ago(1))).toMatchObject([{ p50: expect.closeTo(10) }]);
    await retryFailed(db, [last.uuid]); // not failed: no effect
    expect(await oldestUnfinishedSeconds(db)).toBe(0);
    const [failed] = await db.$queryRaw<[{ uuid: string }]>`SELECT uuid FROM alerts WHERE id = 10`;
    await retryFailed(db, [failed.uuid]);
    const seconds = await oldestUnfinishedSeconds(db);
    await db.$executeRaw`UPDATE alerts SET status = 'failed', failure_code = 'video_timeout', notified_at = now() WHERE id = 10`;
    await db.$disconnect();
    // The alert is from May; the retry is from now.
    expect(seconds).toBeLessThan(3_600);
  });

  it('counts at most the newest 100,000, however long the period', async () => {
    const db = openDatabase(database.url, { poolSize: 1, onError: () => {} });
    const groups = await countAlerts(db, {}, {}).finally(() => db.$disconnect());
    expect(total(groups)).toBe(MAX_COUNTED);
    expect(Math.min(...groups.map(({ oldest }) => oldest.getTime()))).toBe(ago(MAX_COUNTED / 2).getTime());
  });
});
