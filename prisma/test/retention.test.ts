import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '#test/harness/test-database.ts';
import { type Database, openDatabase } from '../client.ts';
import * as rules from '../retention-rules.ts';
import { countDue, dueBefore, readDatabaseTime, readDue } from '../retention-run.ts';

let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase(database.url, { poolSize: 2, onError: () => {} });
});
afterAll(async () => {
  await db.$disconnect();
  await database.drop();
});
beforeEach(async () => {
  await db.$executeRaw`TRUNCATE alerts, retention_rules CASCADE`;
});

const rule = (store: string | null, status: rules.FinalStatus | null, days: number | null) => ({ store, status, days });

describe('partsOf', () => {
  it('has no parts without rules and without a default', () => {
    expect(rules.partsOf([], undefined)).toEqual([]);
    expect(rules.partsOf([rule('a', null, null)], undefined)).toEqual([]);
  });

  it('prefers store and status, store, status, all, and the default in this order', () => {
    const all = [
      rule(null, null, 60),
      rule(null, 'failed', 90),
      rule('a', null, 30),
      rule('a', 'failed', null),
      rule('b', 'processed', 7),
    ];
    expect(rules.partsOf(all, 1)).toEqual([
      { store: null, exceptStores: ['a', 'b'], status: 'processed', days: 60 },
      { store: null, exceptStores: ['a', 'b'], status: 'failed', days: 90 },
      { store: 'a', exceptStores: [], status: 'processed', days: 30 },
      { store: 'b', exceptStores: [], status: 'processed', days: 7 },
      { store: 'b', exceptStores: [], status: 'failed', days: 90 },
    ]);
    expect(rules.partsOf([rule('a', null, null)], 5)).toEqual([
      { store: null, exceptStores: ['a'], status: null, days: 5 },
    ]);
  });
});

describe('rules', () => {
  it('are replaced by target, also of all stores, and deleted by id', async () => {
    await rules.setRetentionRule(db, { ...rule(null, null, 30), updatedBy: 'x' });
    const all = await rules.setRetentionRule(db, { ...rule(null, null, 40), updatedBy: 'y' });
    await rules.setRetentionRule(db, { ...rule('a', 'failed', null), updatedBy: 'x' });
    await rules.setRetentionRule(db, { ...rule('a', null, 1), updatedBy: 'x' });
    expect(await rules.listRetentionRules(db)).toMatchObject([
      { ...rule(null, null, 40), updatedBy: 'y' },
      rule('a', null, 1),
      rule('a', 'failed', null),
    ]);
    expect(await rules.deleteRetentionRule(db, all.id)).toMatchObject(rule(null, null, 40));
    expect(await rules.deleteRetentionRule(db, all.id)).toBeNull();
  });
});

const ALL = { limit: 1_000, scan: 1_000 };

/** Inserts notified alerts, one a day and a second old, one two days and a second, and so on. */
async function insert(store: string, days: number, status: 'processed' | 'failed' | 'pending' = 'processed') {
  await db.$executeRaw`
    INSERT INTO alerts (uuid, video, store, timestamp, request_id, status, failure_code, received_at, updated_at, notified_at)
    SELECT gen_random_uuid(), '/' || n || '.mp4', ${store}, 1, 'r', ${status}::alert_status,
      CASE WHEN ${status} = 'failed' THEN 'video_timeout'::failure_code END, now() - make_interval(days => n, secs => 1), now(),
      CASE WHEN ${status} <> 'pending' THEN now() END
    FROM generate_series(1, ${days}::int) n`;
}

/** Returns "store status age" of the alerts that are due by these rules, oldest first in each part, read in pages of 3. */
async function dueBy(all: rules.Rule[], defaultDays?: number): Promise<string[]> {
  const now = await readDatabaseTime(db);
  const ids: bigint[] = [];
  for (const part of rules.partsOf(all, defaultDays)) {
    let after = { receivedAt: new Date(0), id: 0n } as Awaited<ReturnType<typeof readDue>>['after'];
    while (after) {
      const page = await readDue(db, part, { after, until: dueBefore(part, now), limit: 3 });
      ids.push(...page.due.map(({ id }) => id));
      after = page.after;
    }
  }
  const counted = await countDue(db, rules.partsOf(all, defaultDays), now, ALL);
  expect(counted.alerts).toBe(ids.length);
  const rows = await db.alert.findMany({ where: { id: { in: ids } } });
  return ids.map((id) => {
    const { store, status, video } = rows.find((row) => row.id === id) ?? {};
    return `${store} ${status} ${video?.slice(1, -4)}`;
  });
}

describe('due alerts', () => {
  it('are final, notified, not held, and older than their rule', async () => {
    await insert('a', 5);
    await insert('b', 3, 'failed');
    await insert('c', 5, 'pending');
    await db.$executeRaw`
      INSERT INTO holds (alert_id, reason, created_by, created_by_name) SELECT id, '', '', '' FROM alerts WHERE video = '/5.mp4'`;
    expect(await dueBy([])).toEqual([]);
    expect(await dueBy([], 2)).toEqual(['a processed 4', 'a processed 3', 'b failed 3', 'a processed 2', 'b failed 2']);
    expect(await dueBy([rule('a', null, 3), rule(null, 'failed', 3), rule('b', 'processed', 1)])).toEqual([
      'a processed 4',
      'a processed 3',
      'b failed 3',
    ]);
    expect(await dueBy([rule('a', null, null)], 1)).toEqual(['b failed 3', 'b failed 2', 'b failed 1']);
  });

  it('are counted up to a limit', async () => {
    await insert('a', 9);
    const parts = rules.partsOf([], 1);
    const counted = await countDue(db, parts, await readDatabaseTime(db), { ...ALL, limit: 4 });
    expect(counted.alerts).toBe(4);
    expect(Date.now() - Number(counted.oldest)).toBeGreaterThan(8.9 * 86_400_000);
  });
});
