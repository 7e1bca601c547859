import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '#test/harness/test-database.ts';
import { addPending, findAlert } from '../alerts.ts';
import { type Change, comparePositions, type Place, readChanges, readHorizon } from '../change-feed.ts';
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

async function add(): Promise<string> {
  const uuid = randomUUID();
  await addPending(db, { uuid, video: '/videos/a.mp4', store: 'store', timestamp: 1, requestId: 'r' });
  return uuid;
}

const FAIL = `UPDATE alerts SET status = 'failed', change_xid = pg_current_xact_id() WHERE uuid = $1`;
const fail = (uuid: string) => db.$executeRawUnsafe(FAIL.replace('$1', '$1::uuid'), uuid);

/** Reads on until the alerts of all these uuids were seen; returns all that was, in order. */
async function until(place: Place, uuids: string[]): Promise<Change[]> {
  const seen: Change[] = [];
  for (const deadline = Date.now() + 20_000; Date.now() < deadline; ) {
    const changes = await readChanges(db, seen.at(-1)?.place ?? place, 3);
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
  it('tells alerts whole, each once, in the order in which they changed, over any number of pages', async () => {
    const { now } = await readHorizon(db);
    const uuids: string[] = [];
    for (let i = 0; i < 7; i += 1) uuids.push(await add());
    const seen = await until(now, uuids);
    expect(seen.map(({ alert }) => alert.uuid)).toEqual(uuids);
    expect(seen[0]?.alert).toEqual(await findAlert(db, uuids[0] ?? ''));
  });

  it('tells a change of status behind all that was told, as the alert is now', async () => {
    const { now } = await readHorizon(db);
    const [first, second] = [await add(), await add()];
    const told = await until(now, [second]);
    await fail(first);
    const [again] = await until(told.at(-1)?.place ?? now, [first]);
    expect(again?.alert).toMatchObject({ uuid: first, status: 'failed' });
  });

  it('never lets a transaction that commits late appear behind a reader', async () => {
    const { now } = await readHorizon(db);
    const late = await add();
    const begun = await until(now, [late]);
    const slow = await client();
    await slow.query('BEGIN');
    await slow.query(FAIL, [late]);
    const quick = [await add(), await add()];
    // Committed and visible; yet told now, they would lie ahead of what the slow one has still to say.
    expect(await db.alert.count({ where: { uuid: { in: quick } } })).toBe(2);
    const place = begun.at(-1)?.place ?? now;
    expect(await readChanges(db, place, 10)).toEqual([]);
    await slow.query('COMMIT');
    await slow.end();
    const seen = await until(place, [late, ...quick]);
    expect(seen.map(({ alert }) => [alert.uuid, alert.status])).toEqual([
      [late, 'failed'],
      [quick[0], 'pending'],
      [quick[1], 'pending'],
    ]);
  });

  it('misses none of many writers that overlap', async () => {
    const { now } = await readHorizon(db);
    const uuids = await Promise.all(Array.from({ length: 40 }, add));
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
    const told = new Map<string, string>();
    let place = now;
    for (const deadline = Date.now() + 20_000; Date.now() < deadline; ) {
      const changes = await readChanges(db, place, 100);
      for (const change of changes) {
        expect(comparePositions(change.place, place)).toBe(1);
        place = change.place;
        told.set(change.alert.uuid, change.alert.status);
      }
      if (uuids.every((uuid) => told.get(uuid) === 'failed')) break;
    }
    await writing;
    expect(uuids.filter((uuid) => told.get(uuid) !== 'failed')).toEqual([]);
  });
});

describe('readHorizon', () => {
  it('lies behind all that was committed, and before all that comes', async () => {
    await add();
    const { now, end } = await readHorizon(db);
    expect(comparePositions(now, end)).toBeLessThanOrEqual(0);
    const uuid = await add();
    expect((await until(now, [uuid])).map(({ alert }) => alert.uuid)).toEqual([uuid]);
  });
});
