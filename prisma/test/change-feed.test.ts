import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '#test/harness/test-database.ts';
import { addPending, findAlert } from '../alerts.ts';
import { type Change, comparePositions, type FeedPosition, readChanges, readFeedBounds } from '../change-feed.ts';
import { type Database, openDatabase } from '../client.ts';

let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase(database.url, { poolSize: 5, onError: () => {} });
});
afterAll(async () => {
  await db.$disconnect();
  await database.drop();
});

async function add(store = 'store'): Promise<string> {
  const uuid = randomUUID();
  await addPending(db, { uuid, video: '/videos/a.mp4', store, timestamp: 1, requestId: 'r' });
  return uuid;
}

const FAIL = `UPDATE alerts SET status = 'failed', change_xid = pg_current_xact_id() WHERE uuid = $1`;
const fail = (uuid: string) => db.$executeRawUnsafe(FAIL.replace('$1', '$1::uuid'), uuid);

/** Reads changes until these alerts have appeared, and returns all changes in order. */
async function readUntil(position: FeedPosition, uuids: string[]): Promise<Change[]> {
  const seen: Change[] = [];
  for (const deadline = Date.now() + 20_000; Date.now() < deadline; ) {
    const { changes } = await readChanges(db, seen.at(-1)?.position ?? position, { limit: 3, scan: 3 });
    seen.push(...changes);
    if (uuids.every((uuid) => seen.some(({ alert }) => alert.uuid === uuid))) return seen;
  }
  throw new Error(`seen: ${seen.map(({ alert }) => alert.uuid)}`);
}

async function client(): Promise<pg.Client> {
  const connection = new pg.Client({ connectionString: database.url });
  await connection.connect();
  return connection;
}

describe('readChanges', () => {
  it('returns whole alerts, each once, in the order of their changes, over several pages', async () => {
    const { now } = await readFeedBounds(db);
    const uuids: string[] = [];
    for (let i = 0; i < 7; i += 1) uuids.push(await add());
    const seen = await readUntil(now, uuids);
    expect(seen.map(({ alert }) => alert.uuid)).toEqual(uuids);
    expect(seen[0]?.alert).toEqual(await findAlert(db, uuids[0] ?? ''));
  });

  it('returns a status change after all earlier ones, with the current alert', async () => {
    const { now } = await readFeedBounds(db);
    const [first, second] = [await add(), await add()];
    const earlier = await readUntil(now, [second]);
    await fail(first);
    const [again] = await readUntil(earlier.at(-1)?.position ?? now, [first]);
    expect(again?.alert).toMatchObject({ uuid: first, status: 'failed' });
  });

  it('never returns a change before the position of a reader, even if a transaction commits late', async () => {
    const { now } = await readFeedBounds(db);
    const late = await add();
    const begun = await readUntil(now, [late]);
    const slow = await client();
    await slow.query('BEGIN');
    await slow.query(FAIL, [late]);
    const quick = [await add(), await add()];
    // Committed and visible, but returned now they would come before the change of the slow transaction.
    expect(await db.alert.count({ where: { uuid: { in: quick } } })).toBe(2);
    const position = begun.at(-1)?.position ?? now;
    expect(await readChanges(db, position, { limit: 10, scan: 10 })).toMatchObject({ changes: [], position });
    await slow.query('COMMIT');
    await slow.end();
    const seen = await readUntil(position, [late, ...quick]);
    expect(seen.map(({ alert }) => [alert.uuid, alert.status])).toEqual([
      [late, 'failed'],
      [quick[0], 'pending'],
      [quick[1], 'pending'],
    ]);
  });

  it('misses no change of concurrent writers', async () => {
    const { now } = await readFeedBounds(db);
    const uuids = await Promise.all(Array.from({ length: 40 }, () => add()));
    const writing = Promise.all(
      Array.from({ length: 4 }, async (_, writer) => {
        const connection = await client();
        for (const uuid of uuids.slice(writer * 10, writer * 10 + 10)) {
          await connection.query('BEGIN');
          await connection.query(FAIL, [uuid]);
          await connection.query(`SELECT pg_sleep(random() * 0.02)`);
          await connection.query('COMMIT');
        }
        await connection.end();
      }),
    );
    const statuses = new Map<string, string>();
    let position = now;
    for (const deadline = Date.now() + 20_000; Date.now() < deadline; ) {
      const { changes } = await readChanges(db, position, { limit: 100, scan: 100 });
      for (const change of changes) {
        expect(comparePositions(change.position, position)).toBe(1);
        position = change.position;
        statuses.set(change.alert.uuid, change.alert.status);
      }
      if (uuids.every((uuid) => statuses.get(uuid) === 'failed')) break;
    }
    await writing;
    expect(uuids.filter((uuid) => statuses.get(uuid) !== 'failed')).toEqual([]);
  });
});

describe('readChanges with a filter', () => {
  it('advances after all scanned rows, and returns only those of the filter', async () => {
    const { now } = await readFeedBounds(db);
    const [mine, other] = [await add('mine'), await add('other')];
    const failed = await add('mine');
    await fail(failed);
    const all = await readUntil(now, [mine, other, failed]);
    const end = all.at(-1)?.position;
    const read = (stores: string[] | undefined, scan: number, status?: 'failed') =>
      readChanges(db, now, { limit: 10, scan }, { stores, status });
    const uuids = (page: { changes: Change[] }) => page.changes.map(({ alert }) => alert.uuid);
    const page = await read(['mine', 'elsewhere'], 10);
    expect([uuids(page), page.position]).toEqual([[mine, failed], end]);
    expect(await read([], 10)).toMatchObject({ changes: [], position: end });
    expect(uuids(await read(undefined, 10, 'failed'))).toEqual([failed]);
    const first = await read(['mine'], 2);
    expect([uuids(first), first.position]).toEqual([[mine], all[1]?.position]);
  });

  it('advances only to the last returned change if there are more than the limit', async () => {
    const { now } = await readFeedBounds(db);
    const uuids = [await add('many'), await add('many'), await add('many')];
    const all = await readUntil(now, uuids);
    const page = await readChanges(db, now, { limit: 2, scan: 10 }, { stores: ['many'] });
    expect(page.changes).toHaveLength(2);
    expect(page.position).toEqual(all[1]?.position);
  });
});

describe('readFeedBounds', () => {
  it('is after all committed changes and before all future ones', async () => {
    await add();
    const { now, end } = await readFeedBounds(db);
    expect(comparePositions(now, end)).toBeLessThanOrEqual(0);
    const uuid = await add();
    expect((await readUntil(now, [uuid])).map(({ alert }) => alert.uuid)).toEqual([uuid]);
  });
});
