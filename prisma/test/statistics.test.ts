import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '#test/harness/test-database.ts';
import { type Database, openDatabase } from '../client.ts';
import { countAlerts, MAX_COUNTED, minutesOf } from '../statistics.ts';

const ROWS = 200_000;
const END = Date.parse('2026-05-20T00:00:00Z');
const ago = (minutes: number) => new Date(END - minutes * 60_000);

let database: TestDatabase;
let observer: pg.Client;
beforeAll(async () => {
  database = await createTestDatabase();
  observer = new pg.Client({ connectionString: database.url });
  await observer.connect();
  // Two a minute up to END, 20 stores, a tenth of them failed.
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

type Reads = { whole: number; byIndex: number };

/** Rows read so far from the table as a whole, and through its indexes. */
async function reads(): Promise<Reads> {
  const { rows } = await observer.query<{ whole: string; by_index: string }>(
    `SELECT seq_tup_read AS whole, idx_tup_fetch AS by_index FROM pg_stat_user_tables WHERE relname = 'alerts'`,
  );
  return { whole: Number(rows[0]?.whole), byIndex: Number(rows[0]?.by_index) };
}

/** What PostgreSQL itself counted while it ran these queries. A session reports when it ends. */
async function readsOf(work: (db: Database) => Promise<unknown>): Promise<Reads> {
  const earlier = await reads();
  const db = openDatabase(database.url, { poolSize: 1, onError: () => {} });
  await work(db).finally(() => db.$disconnect());
  const others = `SELECT count(*)::int AS n FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`;
  await expect.poll(async () => (await observer.query(others)).rows[0].n, { timeout: 5_000 }).toBe(0);
  const later = await reads();
  return { whole: later.whole - earlier.whole, byIndex: later.byIndex - earlier.byIndex };
}

const total = (groups: { count: number }[]) => groups.reduce((sum, { count }) => sum + count, 0);

describe(`on ${ROWS} alerts`, () => {
  it.each([
    ['a day', {}, { from: ago(1_440) }, 2_880],
    ['a day in the middle', {}, { from: ago(50_000), to: ago(48_560) }, 2_880],
    ['a day of a store', { store: 'store-3' }, { from: ago(1_440) }, 144],
    ['a day of some stores', { stores: ['store-3', 'store-4'] }, { from: ago(1_440) }, 288],
  ])('counting %s reads the rows of the window and no others', async (_, filter, window, expected) => {
    const read = await readsOf(async (db) => expect(total(await countAlerts(db, filter, window))).toBe(expected));
    expect(read.whole).toBe(0);
    // Of some stores: through the index of the times, all stores' rows of the window.
    expect(read.byIndex).toBeLessThanOrEqual(('stores' in filter ? 2_880 : expected) + 5);
  });

  it('the minutes of an hour read the rows of that hour', async () => {
    const read = await readsOf(async (db) => {
      const minutes = await minutesOf(db, {}, ago(60));
      expect(minutes).toHaveLength(60);
      expect(minutes[0]).toMatchObject({ received: 2, p50: 1_000, p95: 1_000 });
    });
    expect(read.whole).toBe(0);
    expect(read.byIndex).toBeLessThanOrEqual(125);
  });

  it('counts no more than the newest 100,000, however long the window', async () => {
    const db = openDatabase(database.url, { poolSize: 1, onError: () => {} });
    const groups = await countAlerts(db, {}, {}).finally(() => db.$disconnect());
    expect(total(groups)).toBe(MAX_COUNTED);
    expect(Math.min(...groups.map(({ oldest }) => oldest.getTime()))).toBe(ago(MAX_COUNTED / 2).getTime());
  });
});
