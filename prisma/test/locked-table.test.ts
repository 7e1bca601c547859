import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { addPending, claim, findAlert } from '../alerts.ts';
import { type Database, openDatabase } from '../client.ts';
import { DatabaseUnavailable } from '../errors.ts';

const POOL_SIZE = 3;
const QUERY_TIMEOUT_MS = 500;
const POLL = { timeout: 150_000, interval: 20 };

let db: Database;
/** Another session: a build of an index, or an ALTER TABLE that waits for a dump. */
let other: pg.Client;
beforeEach(async () => {
  const database = await createTestDatabase();
  db = openDatabase(database.url, { poolSize: POOL_SIZE, onError: () => {}, queryTimeoutMs: QUERY_TIMEOUT_MS });
  other = new pg.Client({ connectionString: database.url });
  await other.connect();
  onTestFinished(async () => {
    await other.end();
    await db.$disconnect();
    await database.drop();
  });
});

async function add(): Promise<string> {
  const uuid = randomUUID();
  await addPending(db, { uuid, video: '/a.mp4', store: 's', timestamp: 1, requestId: 'r' });
  return uuid;
}

async function lockTable(): Promise<void> {
  await other.query('BEGIN');
  await other.query('LOCK TABLE alerts IN ACCESS EXCLUSIVE MODE');
}

/** Returns how many other sessions the database has, and how many of them wait for a lock. */
async function sessions(): Promise<{ all: number; waiting: number }> {
  const { rows } = await other.query(`
    SELECT count(*)::int AS all, count(*) FILTER (WHERE wait_event_type = 'Lock')::int AS waiting FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`);
  return rows[0];
}

it('a claim that was reported as failed does not commit when the table is unlocked', async () => {
  const uuid = await add();
  await lockTable();
  for (let delivery = 1; delivery <= 3; delivery += 1) {
    await expect(claim(db, uuid)).rejects.toBeInstanceOf(DatabaseUnavailable);
  }
  await expect.poll(async () => (await sessions()).waiting, POLL).toBe(0);
  await other.query('COMMIT');
  expect(await findAlert(db, uuid)).toMatchObject({ status: 'pending', claims: 0, attempts: 0, crashes: 0 });
});

it('a locked table never occupies more backends than the pool has connections', async () => {
  const uuids = await Promise.all(Array.from({ length: 5 }, add));
  await lockTable();
  let most = 0;
  for (let round = 1; round <= 6; round += 1) {
    const claims = await Promise.allSettled(uuids.map((uuid) => claim(db, uuid)));
    expect(claims.map(({ status }) => status)).toEqual(uuids.map(() => 'rejected'));
    most = Math.max(most, (await sessions()).all);
  }
  await other.query('COMMIT');
  expect(most).toBeLessThanOrEqual(POOL_SIZE);
  expect(await claim(db, uuids[0] ?? '')).toMatchObject({ kind: 'claimed', alert: { attempts: 1, crashes: 0 } });
});

it('new alerts wait no longer than one query may take, however many wait', async () => {
  await lockTable();
  const query = vi.spyOn(pg.Client.prototype, 'query');
  onTestFinished(() => query.mockRestore());
  const added = await Promise.allSettled(Array.from({ length: 3_000 }, add));
  expect(added.filter(({ status }) => status === 'fulfilled')).toEqual([]);
  for (const one of added) {
    if (one.status === 'rejected') expect(one.reason).toBeInstanceOf(DatabaseUnavailable);
  }
  await db.$disconnect(); // waits for the batches in progress
  const batches = query.mock.calls.filter(([statement]) => Object(statement).name === 'alerts_insert');
  // 3,000 alerts are fifteen batches. Two run at a time, each for 0.8 of the limit, so at most four start in time.
  expect(batches.length).toBeGreaterThan(0);
  expect(batches.length).toBeLessThanOrEqual(4);
  await other.query('COMMIT');
});

it('settings in the options of the URL are kept and win', async () => {
  const database = await createTestDatabase();
  const url = new URL(database.url);
  url.searchParams.set('options', '-c work_mem=5MB -c statement_timeout=7s');
  const own = openDatabase(url.href, { poolSize: 1, onError: () => {} });
  onTestFinished(async () => {
    await own.$disconnect();
    await database.drop();
  });
  const settings = await own.$queryRaw`SELECT current_setting('work_mem') AS work_mem,
    current_setting('statement_timeout') AS statement_timeout, current_setting('lock_timeout') AS lock_timeout,
    current_setting('idle_in_transaction_session_timeout') AS idle_timeout`;
  expect(settings).toEqual([{ work_mem: '5MB', statement_timeout: '7s', lock_timeout: '7s', idle_timeout: '10s' }]);
});
