import { randomUUID } from 'node:crypto';
import { expect, it, onTestFinished } from 'vitest';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { addPending, claim, markNotified, recordResolution, release } from '../alerts.ts';
import { type Database, openDatabase } from '../client.ts';
import { RESOLUTION } from './delivery-fixture.ts';

/** Runs every kind of write, on ten alerts at a time. */
async function writeAll(db: Database): Promise<void> {
  const uuids = Array.from({ length: 10 }, () => randomUUID());
  const all = (write: (uuid: string) => Promise<unknown>) => Promise.all(uuids.map(write));
  await all((uuid) => addPending(db, { uuid, video: '/a.mp4', store: 's', timestamp: 1, requestId: 'r' }));
  await all((uuid) => claim(db, uuid));
  await all((uuid) => release(db, { uuid, claim: 1 }, 0, { refund: false }));
  await all((uuid) => claim(db, uuid));
  await all((uuid) => recordResolution(db, { uuid, claim: 2 }, RESOLUTION, 1));
  await all((uuid) => markNotified(db, { uuid, claim: 2 }));
}

/** Returns the rows read so far by sequential scans. */
async function sequentialReads(db: Database): Promise<number> {
  await db.$queryRaw`SELECT pg_stat_force_next_flush()::text`;
  const [row] = await db.$queryRaw<{ n: number }[]>`
    SELECT seq_tup_read::float8 AS n FROM pg_stat_user_tables WHERE relname = 'alerts'`;
  return row?.n ?? Number.NaN;
}

/** Autovacuum is off: it updates the statistics, which would invalidate the plans at some point. */
async function openWithoutAutovacuum(): Promise<Database> {
  const database = await createTestDatabase();
  const db = openDatabase(database.url, { poolSize: 1, onError: () => {} });
  onTestFinished(async () => {
    await db.$disconnect();
    await database.drop();
  });
  await db.$executeRaw`ALTER TABLE alerts SET (autovacuum_enabled = false)`;
  return db;
}

it('writes find their rows by an index even if their first plans were for an empty table', async () => {
  const db = await openWithoutAutovacuum();
  // PostgreSQL chooses a generic plan at the sixth execution at the earliest.
  for (let time = 1; time <= 10; time += 1) await writeAll(db);
  await db.$executeRaw`INSERT INTO alerts (uuid, video, store, timestamp, request_id)
    SELECT gen_random_uuid(), '/a.mp4', 's', 1, 'r' FROM generate_series(1, 20000)`;
  const before = await sequentialReads(db);
  await writeAll(db);
  expect(await sequentialReads(db)).toBe(before);
});

/** Returns the rows read so far by the indexes of unfinished alerts. */
async function unfinishedReads(db: Database): Promise<number> {
  await db.$queryRaw`SELECT pg_stat_force_next_flush()::text`;
  const [row] = await db.$queryRaw<{ n: number }[]>`
    SELECT sum(idx_tup_read)::float8 AS n FROM pg_stat_user_indexes
    WHERE indexrelname IN ('alerts_unfinished_idx', 'alerts_oldest_unfinished_idx')`;
  return row?.n ?? Number.NaN;
}

it('writes read no other unfinished alerts even if there were none when the statistics were collected', async () => {
  const db = await openWithoutAutovacuum();
  await db.$executeRaw`INSERT INTO alerts (uuid, video, store, timestamp, request_id, status, notified_at)
    SELECT gen_random_uuid(), '/a.mp4', 's', 1, 'r', 'processed', now() FROM generate_series(1, 20000)`;
  await db.$executeRaw`ANALYZE alerts`;
  await db.$executeRaw`INSERT INTO alerts (uuid, video, store, timestamp, request_id)
    SELECT gen_random_uuid(), '/a.mp4', 's', 1, 'r' FROM generate_series(1, 1000)`;
  const [unfinished, sequential] = [await unfinishedReads(db), await sequentialReads(db)];
  await writeAll(db);
  expect(await unfinishedReads(db)).toBe(unfinished);
  expect(await sequentialReads(db)).toBe(sequential);
});
