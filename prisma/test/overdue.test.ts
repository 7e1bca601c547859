import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase, warm } from '#test/harness/test-database.ts';
import { addPending, claim, markNotified, recordFailure, takeOverdue } from '../alerts.ts';
import { type Database, openDatabase } from '../client.ts';

const MINUTE = 60_000;

let database: TestDatabase;
let db: Database;
beforeEach(async () => {
  database = await createTestDatabase();
  db = openDatabase(database.url, { poolSize: 10, onError: () => {} });
});
afterEach(async () => {
  await db.$disconnect();
  await database.drop();
});

/** A pending alert that nothing has touched for so long. */
async function addQuiet(quietMs: number): Promise<string> {
  const uuid = randomUUID();
  await addPending(db, { uuid, video: '/a.mp4', store: 's', timestamp: 1, requestId: `r-${uuid}` });
  await rest(uuid, quietMs);
  return uuid;
}

async function rest(uuid: string, quietMs: number): Promise<void> {
  await db.$executeRaw`
    UPDATE alerts SET updated_at = now() - make_interval(secs => ${quietMs / 1000}) WHERE uuid = ${uuid}::uuid`;
}

async function take(options: { quietMs?: number; limit?: number } = {}): Promise<string[]> {
  const owed = await takeOverdue(db, { quietMs: MINUTE, limit: 100, ...options });
  return owed.map(({ uuid }) => uuid);
}

describe('takeOwed', () => {
  it('takes what has been quiet for long enough, with what a job needs', async () => {
    const quiet = await addQuiet(2 * MINUTE);
    await addQuiet(MINUTE / 2);
    expect(await takeOverdue(db, { quietMs: MINUTE, limit: 100 })).toEqual([
      { uuid: quiet, requestId: `r-${quiet}`, store: 's', traceparent: null },
    ]);
  });

  it('does not take the same again until it has been quiet again', async () => {
    const uuid = await addQuiet(2 * MINUTE);
    expect(await take()).toEqual([uuid]);
    expect(await take()).toEqual([]);
    await rest(uuid, 2 * MINUTE);
    expect(await take()).toEqual([uuid]);
  });

  it('takes what is pending, in work, or final and not notified; never what is notified', async () => {
    const end = async (uuid: string) => {
      await claim(db, uuid);
      await recordFailure(db, { uuid, attempt: 1 }, { code: 'video_timeout', detail: '' }, 0);
    };
    const owing = { pending: await addQuiet(0), processing: await addQuiet(0), final: await addQuiet(0) };
    const notified = await addQuiet(0);
    await claim(db, owing.processing);
    await end(owing.final);
    await end(notified);
    await markNotified(db, notified);
    for (const uuid of [...Object.values(owing), notified]) await rest(uuid, 2 * MINUTE);
    expect((await take()).sort()).toEqual(Object.values(owing).sort());
  });

  it('takes at most so many, the longest untouched first', async () => {
    const minutes = [3, 9, 5, 7];
    const uuids = await Promise.all(minutes.map((n) => addQuiet(n * MINUTE)));
    expect((await take({ limit: 2 })).sort()).toEqual([uuids[1], uuids[3]].sort());
    expect((await take({ limit: 2 })).sort()).toEqual([uuids[0], uuids[2]].sort());
  });

  it('gives concurrent callers disjoint sets', async () => {
    const uuids = await Promise.all(Array.from({ length: 60 }, () => addQuiet(2 * MINUTE)));
    await warm(db, 10);
    const sets = await Promise.all(Array.from({ length: 6 }, () => take({ limit: 10 })));
    const taken = sets.flat();
    expect(new Set(taken).size).toBe(taken.length);
    const rest = await take();
    expect([...taken, ...rest].sort()).toEqual(uuids.sort());
  });

  it('passes over rows that another caller holds, instead of waiting for it', async () => {
    const held = await addQuiet(9 * MINUTE);
    const free = await addQuiet(2 * MINUTE);
    const holder = new pg.Client({ connectionString: database.url });
    await holder.connect();
    await holder.query('BEGIN');
    await holder.query('SELECT id FROM alerts WHERE uuid = $1 FOR UPDATE', [held]);
    expect(await take({ limit: 1 }).finally(() => holder.end())).toEqual([free]);
    expect(await take({ limit: 1 })).toEqual([held]);
  });

  it('keeps to its limit in whatever order the rows are joined', async () => {
    await Promise.all(Array.from({ length: 30 }, () => addQuiet(2 * MINUTE)));
    const url = new URL(database.url);
    url.searchParams.set('options', ['hashjoin', 'mergejoin', 'hashagg', 'sort', 'material'].map(off).join(' '));
    const loops = openDatabase(url.href, { poolSize: 1, onError: () => {} });
    const taken = await takeOverdue(loops, { quietMs: MINUTE, limit: 3 }).finally(() => loops.$disconnect());
    expect(taken).toHaveLength(3);
  });
});

function off(way: string): string {
  return `-c enable_${way}=off`;
}
