import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '#test/harness/test-database.ts';
import { listAlerts } from '../alerts.ts';
import { type Database, openDatabase } from '../client.ts';
import { listOverdue } from '../overdue.ts';
import { oldestUnfinishedSeconds } from '../statistics.ts';

const ROWS = 20_000;

let database: TestDatabase;
let observer: pg.Client;
beforeAll(async () => {
  database = await createTestDatabase();
  observer = new pg.Client({ connectionString: database.url });
  await observer.connect();
  // One minute apart, 20 stores; all but 200 are finished.
  await observer.query(
    `INSERT INTO alerts (uuid, video, store, timestamp, request_id, received_at, updated_at, status, notified_at)
     SELECT gen_random_uuid(), '/a.mp4', 'store-' || n % 20, n, 'r', at, at, 'processed', CASE WHEN n % 100 > 0 THEN at END
     FROM generate_series(1, $1) n, LATERAL (SELECT timestamptz '2026-01-01' + n * interval '1 min' AS at) t`,
    [ROWS],
  );
  await observer.query('VACUUM ANALYZE alerts');
});
afterAll(async () => {
  await observer.end();
  await database.drop();
});

type Reads = { seq: number } & Record<string, number>;

/** Returns the rows read so far by sequential scans, and through each index. */
async function reads(): Promise<Reads> {
  const { rows } = await observer.query<{ name: string; n: string }>(
    `SELECT 'seq' AS name, seq_tup_read AS n FROM pg_stat_user_tables WHERE relname = 'alerts'
     UNION ALL SELECT indexrelname, idx_tup_read FROM pg_stat_user_indexes WHERE relname = 'alerts'`,
  );
  return { seq: 0, ...Object.fromEntries(rows.map(({ name, n }) => [name, Number(n)])) };
}

/** Returns the rows that these queries read, by PostgreSQL's own statistics. A session reports them when it ends. */
async function readsOf(work: (db: Database) => Promise<unknown>): Promise<Reads> {
  const before = await reads();
  const db = openDatabase(database.url, { poolSize: 1, onError: () => {} });
  await work(db).finally(() => db.$disconnect());
  const others = `SELECT count(*)::int AS n FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`;
  await expect.poll(async () => (await observer.query(others)).rows[0].n, { timeout: 150_000 }).toBe(0);
  const after = await reads();
  return { seq: 0, ...Object.fromEntries(Object.entries(after).map(([name, n]) => [name, n - (before[name] ?? 0)])) };
}

/** A cursor in the middle of the table. */
const MIDDLE = { receivedAt: new Date('2026-01-07T00:00:30Z'), id: BigInt(ROWS) };
const LISTING = 'alerts_received_at_id_idx';
const LISTING_OF_STORE = 'alerts_store_received_at_id_idx';

describe(`on ${ROWS} alerts`, () => {
  it.each([
    ['the newest', LISTING, {}, undefined],
    ['a page in the middle', LISTING, {}, MIDDLE],
    ['a period', LISTING, { from: new Date('2026-01-02'), to: new Date('2026-01-03') }, undefined],
    ['the newest of a store', LISTING_OF_STORE, { store: 'store-3' }, undefined],
    ['a page in the middle of a store', LISTING_OF_STORE, { store: 'store-3' }, MIDDLE],
  ])('listing %s reads through %s only the rows that it returns', async (_, index, filter, after) => {
    const limit = 50;
    const read = await readsOf(async (db) =>
      expect(await listAlerts(db, filter, { limit, after })).toHaveLength(limit),
    );
    expect(read.seq).toBe(0);
    expect(read[index]).toBeGreaterThanOrEqual(limit);
    expect(read[index]).toBeLessThanOrEqual(limit + 5);
  });

  it('listOverdue reads only unfinished alerts', async () => {
    const read = await readsOf(async (db) =>
      expect(await listOverdue(db, { quietMs: 60_000, limit: 50 })).toHaveLength(50),
    );
    expect(read.seq).toBe(0);
    expect(read.alerts_unfinished_idx).toBeGreaterThanOrEqual(50);
    expect(read.alerts_unfinished_idx).toBeLessThanOrEqual(55);
  });

  it('the age of the oldest unfinished alert costs a few rows, however many are unfinished', async () => {
    const read = await readsOf(async (db) => expect(await oldestUnfinishedSeconds(db)).toBeGreaterThan(0));
    expect(read.seq).toBe(0);
    // One, and the dead rows of the test before.
    expect(read.alerts_oldest_unfinished_idx).toBeGreaterThanOrEqual(1);
    expect(read.alerts_oldest_unfinished_idx).toBeLessThanOrEqual(51);
  });
});
