import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '#test/harness/test-database.ts';
import { type AlertCursor, listAlerts } from '../alerts.ts';
import { type FeedPosition, readChanges } from '../change-feed.ts';
import { type Database, openDatabase } from '../client.ts';
import { deleteFinished } from '../delete-alerts.ts';

// Lists and the event stream while rows disappear between their pages.

const ROWS = 300;
const PAGE = 20;

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

/** Inserts notified alerts, the oldest first, in three transactions. Returns those that stay: every third. */
async function insert(): Promise<string[]> {
  await db.$executeRaw`TRUNCATE alerts CASCADE`;
  for (let part = 0; part < 3; part += 1) {
    await db.$executeRaw`
      INSERT INTO alerts (uuid, video, store, timestamp, request_id, status, received_at, updated_at, notified_at)
      SELECT gen_random_uuid(), '/' || n || '.mp4', 's', 1, 'r', 'processed', now() - make_interval(secs => ${ROWS} - n), now(), now()
      FROM generate_series(${(part * ROWS) / 3 + 1}::int, ${((part + 1) * ROWS) / 3}::int) n`;
  }
  const rows = await db.alert.findMany({ orderBy: { id: 'asc' } });
  return rows.filter((_, index) => index % 3 === 0).map(({ uuid }) => uuid);
}

/** Deletes the next alerts that do not stay, in both directions from the middle: on both sides of every position. */
function openDeletion(stay: string[]): () => Promise<void> {
  let step = 0;
  return async () => {
    step += 1;
    const all = await db.alert.findMany({ orderBy: { id: 'asc' } });
    const due = all.filter(({ uuid }) => !stay.includes(uuid)).filter((_, index) => index % 4 === step % 4);
    await deleteFinished(db, due);
  };
}

it('a list has each alert that stays once, in its order', async () => {
  const stay = await insert();
  const deleteSome = openDeletion(stay);
  const listed: string[] = [];
  let after: AlertCursor | undefined;
  for (let full = true; full; ) {
    const page = await listAlerts(db, {}, { limit: PAGE, after });
    listed.push(...page.map(({ uuid }) => uuid));
    after = page.at(-1) ?? after;
    full = page.length === PAGE;
    // The alert of the cursor, too.
    await deleteSome();
  }
  expect(new Set(listed).size).toBe(listed.length);
  expect(listed.filter((uuid) => stay.includes(uuid))).toEqual(stay.toReversed());
});

it('the event stream has each alert that stays once, in the order of the changes', async () => {
  const stay = await insert();
  const deleteSome = openDeletion(stay);
  const read: string[] = [];
  let position: FeedPosition = { xid: 0n, id: 0n };
  // Another test's open transaction may hold back the last changes.
  await expect
    .poll(
      async () => {
        const page = await readChanges(db, position, { limit: PAGE, scan: PAGE });
        position = page.position;
        read.push(...page.changes.map(({ alert }) => alert.uuid));
        await deleteSome();
        return read.filter((uuid) => stay.includes(uuid)).length;
      },
      { timeout: 150_000, interval: 1 },
    )
    .toBe(stay.length);
  expect(new Set(read).size).toBe(read.length);
  expect(read.filter((uuid) => stay.includes(uuid))).toEqual(stay);
  // A position after which everything was deleted stays valid, and the next change is found.
  await db.$executeRaw`DELETE FROM alerts`;
  expect((await readChanges(db, position, { limit: PAGE, scan: PAGE })).changes).toEqual([]);
  const [next] = await insert();
  await expect
    .poll(async () => (await readChanges(db, position, { limit: 1, scan: 1 })).changes[0]?.alert.uuid, {
      timeout: 150_000,
    })
    .toBe(next);
});
