import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '#test/harness/test-database.ts';
import { addPending } from '../alerts.ts';
import { type Database, openDatabase } from '../client.ts';
import { openOverdueScan } from '../overdue.ts';

const OPTIONS = { quietMs: 60_000, limit: 100 };
const ALERTS = 20_000;
const NEVER_AGAIN = { minMs: 600_000, maxMs: 600_000 };

let database: TestDatabase;
let db: Database;
let other: pg.Client;
beforeEach(async () => {
  database = await createTestDatabase();
  db = openDatabase(database.url, { poolSize: 1, onError: () => {} });
  other = new pg.Client({ connectionString: database.url });
  await other.connect();
});
afterEach(async () => {
  await other.end();
  await db.$disconnect();
  await database.drop();
});

async function addQuiet(minutes: number): Promise<string> {
  const uuid = randomUUID();
  await addPending(db, { uuid, video: '/a.mp4', store: 's', timestamp: 1, requestId: 'r' });
  await db.$executeRaw`UPDATE alerts SET updated_at = now() - make_interval(mins => ${minutes}) WHERE uuid = ${uuid}::uuid`;
  return uuid;
}

/** Returns the pages of the table and of its indexes that the scan of unfinished alerts reads. */
async function pagesRead(work: () => Promise<unknown>): Promise<number> {
  const pages = async () => {
    await db.$queryRaw`SELECT pg_stat_force_next_flush()::text`;
    const [row] = await db.$queryRaw<{ n: number }[]>`
      SELECT (idx_blks_hit + idx_blks_read)::float8 AS n FROM pg_statio_user_indexes
      WHERE indexrelname = 'alerts_unfinished_idx'`;
    return row?.n ?? Number.NaN;
  };
  const before = await pages();
  await work();
  return (await pages()) - before;
}

describe('a scan for overdue alerts', () => {
  it('does not read the alerts that were finished behind the oldest open transaction again', async () => {
    await other.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await other.query('SELECT 1 FROM alerts'); // holds a snapshot, as pg_dump does
    await db.$executeRaw`INSERT INTO alerts (uuid, video, store, timestamp, request_id, updated_at)
      SELECT gen_random_uuid(), '/a.mp4', 's', n, 'r', now() - interval '1 hour' - n * interval '1 ms'
      FROM generate_series(1, ${ALERTS}::int) n`;
    await db.$executeRaw`UPDATE alerts SET status = 'processed', notified_at = now(), updated_at = now()`;
    const take = openOverdueScan(db, NEVER_AGAIN);
    expect(await pagesRead(() => take(OPTIONS))).toBeGreaterThan(50);
    expect(await pagesRead(() => take(OPTIONS))).toBeLessThanOrEqual(20);
    const uuid = await addQuiet(1);
    await expect.poll(async () => (await take(OPTIONS)).alerts.map((alert) => alert.uuid)).toEqual([uuid]);
  });

  it('begins at the beginning once in a while, for alerts that were locked or written late', async () => {
    const next = openOverdueScan(db, { minMs: 0, maxMs: 0 });
    expect(await next(OPTIONS)).toEqual({ alerts: [], complete: true, full: true });
    const late = await addQuiet(120);
    expect(await next(OPTIONS)).toMatchObject({ alerts: [{ uuid: late }] });
    expect(await next(OPTIONS)).toMatchObject({ alerts: [{ uuid: late }] });
  });

  it('begins at the beginning less often if that takes long', async () => {
    const next = openOverdueScan(db, { minMs: 0, maxMs: 600_000 });
    await other.query('BEGIN; LOCK TABLE alerts IN ACCESS EXCLUSIVE MODE');
    const first = next(OPTIONS);
    await setTimeout(500); // 200 times as long: not within the next 100 s
    await other.query('COMMIT');
    expect(await first).toMatchObject({ full: true });
    expect(await next(OPTIONS)).toMatchObject({ full: false });
  });

  it('lists all alerts page by page, then only those that became overdue', async () => {
    const uuids = [];
    for (const minutes of [9, 8, 7]) uuids.push(await addQuiet(minutes));
    const next = openOverdueScan(db, NEVER_AGAIN);
    const page = async () => {
      const { alerts, ...rest } = await next({ ...OPTIONS, limit: 2 });
      return { uuids: alerts.map(({ uuid }) => uuid), ...rest };
    };
    expect(await page()).toEqual({ uuids: uuids.slice(0, 2), complete: false, full: true });
    expect(await page()).toEqual({ uuids: uuids.slice(2), complete: true, full: true });
    expect(await page()).toEqual({ uuids: [], complete: true, full: false });
    const later = await addQuiet(1);
    await expect.poll(page).toEqual({ uuids: [later], complete: true, full: false });
  });
});
