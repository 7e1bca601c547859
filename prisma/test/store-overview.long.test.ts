import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '#test/harness/test-database.ts';
import { type Database, openDatabase } from '../client.ts';
import { countBuckets, MAX_STORES, summarizeStores } from '../store-overview.ts';

const ROWS = 1_000_000;
const STORES = 10_000;
const DAY_MS = 86_400_000;
const TO = new Date('2026-07-01T00:00:00Z');
const [FROM, PREVIOUS] = [1, 2].map((days) => new Date(TO.getTime() - days * DAY_MS)) as [Date, Date]; // two
const OPTIONS = { timeout: 600_000 };

let database: TestDatabase;
let db: Database;
let observer: pg.Client;
beforeAll(async () => {
  database = await createTestDatabase();
  observer = new pg.Client({ connectionString: database.url });
  await observer.connect();
  // Of ten days, so that a day has a tenth of the rows. Every hundredth store has been silent for longer, every 200th alert failed.
  await observer.query(
    `INSERT INTO alerts (uuid, video, store, timestamp, request_id, received_at, updated_at, status, failure_code, notified_at)
     SELECT gen_random_uuid(), '/a.mp4', 'store-' || lpad((n % $2)::text, 5, '0'), n, 'r', at, at,
       (CASE WHEN n % 200 = 3 THEN 'failed' ELSE 'processed' END)::alert_status,
       CASE WHEN n % 200 = 3 THEN 'video_timeout'::failure_code END, at
     FROM generate_series(1, $1) n, LATERAL (SELECT $3::timestamptz - make_interval(secs => n * 0.864)
       - CASE WHEN n % $2 % 100 = 0 THEN interval '100 days' ELSE interval '0' END AS at) t`,
    [ROWS, STORES, TO],
  );
  await observer.query('VACUUM ANALYZE alerts');
  db = openDatabase(database.url, { poolSize: 1, queryTimeoutMs: 120_000, onError: () => {} });
}, OPTIONS.timeout);
afterAll(async () => {
  await db?.$disconnect();
  await observer?.end();
  await database?.drop();
});

const WINDOW = { previousFrom: PREVIOUS, from: FROM, to: TO };

describe(`the overview of ${STORES} stores with ${ROWS} alerts`, OPTIONS, () => {
  it('has every store, with the same numbers as a plain count', async () => {
    const { stores, countedFrom } = await summarizeStores(db, WINDOW);
    expect(countedFrom).toBeNull();
    expect(STORES).toBeLessThan(MAX_STORES);
    const { rows } = await observer.query(
      `SELECT store, (count(*) FILTER (WHERE received_at >= $1 AND received_at < $2))::int AS alerts,
         (count(*) FILTER (WHERE received_at >= $1 AND received_at < $2 AND status = 'failed'))::int AS failed,
         (count(*) FILTER (WHERE received_at >= $3 AND received_at < $1))::int AS "previousAlerts",
         (count(*) FILTER (WHERE received_at >= $3 AND received_at < $1 AND status = 'failed'))::int AS "previousFailed",
         0 AS unfinished, 0 AS late, max(received_at) AS "lastAlertAt", NULL::timestamptz AS "silentSince"
       FROM alerts GROUP BY store ORDER BY store`,
      [FROM, TO, PREVIOUS],
    );
    expect(rows).toHaveLength(STORES);
    expect([...stores].sort((a, b) => (a.store < b.store ? -1 : 1))).toEqual(rows);
  });

  it('reads only the alerts of the two periods', async () => {
    const read = `SELECT idx_tup_read::int AS n FROM pg_stat_user_indexes WHERE indexrelname = 'alerts_received_at_id_idx'`;
    const scans = 'SELECT seq_tup_read::int AS n FROM pg_stat_user_tables WHERE relname = $1';
    const numbers = async () => {
      await observer.query('SELECT pg_stat_force_next_flush()').catch(() => {});
      return [(await observer.query(read)).rows[0].n, (await observer.query(scans, ['alerts'])).rows[0].n];
    };
    // Sessions report what they have read when they end.
    const own = openDatabase(database.url, { poolSize: 1, queryTimeoutMs: 120_000, onError: () => {} });
    const before = await numbers();
    const { stores } = await summarizeStores(own, WINDOW);
    await own.$disconnect();
    const inPeriods = stores.reduce((sum, { alerts, previousAlerts }) => sum + alerts + previousAlerts, 0);
    expect(inPeriods).toBeLessThan(ROWS / 4);
    await expect
      .poll(async () => (await numbers())[0] - before[0], { timeout: 150_000 })
      .toBeGreaterThanOrEqual(inPeriods);
    const [indexed, scanned] = await numbers();
    expect(indexed - before[0]).toBeLessThan(inPeriods + 1_000);
    expect(scanned).toBe(before[1]);
  });

  it('divides the alerts of a page of stores', async () => {
    const wanted = Array.from({ length: 200 }, (_, n) => `store-${String(n * 7).padStart(5, '0')}`);
    const buckets = await countBuckets(db, wanted, { from: FROM, to: TO, seconds: 3_600 });
    const counted = buckets.reduce((sum, { alerts }) => sum + alerts, 0);
    expect(counted).toBe(await db.alert.count({ where: { store: { in: wanted }, receivedAt: { gte: FROM, lt: TO } } }));
    expect(buckets.every(({ bucket }) => bucket >= 0 && bucket < 24)).toBe(true);
  });
});
