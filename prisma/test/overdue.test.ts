import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase, warm } from '#test/harness/test-database.ts';
import { addPending, claim, markNotified, recordFailure } from '../alerts.ts';
import { type Database, openDatabase } from '../client.ts';
import { takeOverdue } from '../overdue.ts';

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

/** Adds a pending alert that was not updated for `quietMs`. */
async function addQuiet(quietMs: number): Promise<string> {
  const uuid = randomUUID();
  await addPending(db, { uuid, video: '/a.mp4', store: 's', timestamp: 1, requestId: `r-${uuid}` });
  await setQuiet(uuid, quietMs);
  return uuid;
}

async function setQuiet(uuid: string, quietMs: number): Promise<void> {
  await db.$executeRaw`
    UPDATE alerts SET updated_at = now() - make_interval(secs => ${quietMs / 1000}) WHERE uuid = ${uuid}::uuid`;
}

async function takeUuids(options: { quietMs?: number; limit?: number } = {}): Promise<string[]> {
  const overdue = await takeOverdue(db, { quietMs: MINUTE, limit: 100, ...options });
  return overdue.map(({ uuid }) => uuid);
}

describe('takeOverdue', () => {
  it('returns alerts that were not updated for long enough, with the columns of a job', async () => {
    const quiet = await addQuiet(2 * MINUTE);
    await addQuiet(MINUTE / 2);
    expect(await takeOverdue(db, { quietMs: MINUTE, limit: 100 })).toEqual([
      { uuid: quiet, requestId: `r-${quiet}`, store: 's', traceparent: null },
    ]);
  });

  it('returns the same alert again only after the same time without updates', async () => {
    const uuid = await addQuiet(2 * MINUTE);
    expect(await takeUuids()).toEqual([uuid]);
    expect(await takeUuids()).toEqual([]);
    await setQuiet(uuid, 2 * MINUTE);
    expect(await takeUuids()).toEqual([uuid]);
  });

  it('returns alerts that are pending, processing, or final and not notified; never notified ones', async () => {
    const end = async (uuid: string) => {
      await claim(db, uuid);
      await recordFailure(db, { uuid, claim: 1 }, { code: 'video_timeout', detail: '' }, 0);
    };
    const unfinished = { pending: await addQuiet(0), processing: await addQuiet(0), final: await addQuiet(0) };
    const notified = await addQuiet(0);
    await claim(db, unfinished.processing);
    await end(unfinished.final);
    await end(notified);
    await markNotified(db, { uuid: notified, claim: 1 });
    for (const uuid of [...Object.values(unfinished), notified]) await setQuiet(uuid, 2 * MINUTE);
    expect((await takeUuids()).sort()).toEqual(Object.values(unfinished).sort());
  });

  it('returns at most `limit` alerts, oldest update first', async () => {
    const minutes = [3, 9, 5, 7];
    const uuids = await Promise.all(minutes.map((n) => addQuiet(n * MINUTE)));
    expect((await takeUuids({ limit: 2 })).sort()).toEqual([uuids[1], uuids[3]].sort());
    expect((await takeUuids({ limit: 2 })).sort()).toEqual([uuids[0], uuids[2]].sort());
  });

  it('returns disjoint sets to concurrent callers', async () => {
    const uuids = await Promise.all(Array.from({ length: 60 }, () => addQuiet(2 * MINUTE)));
    await warm(db, 10);
    const sets = await Promise.all(Array.from({ length: 6 }, () => takeUuids({ limit: 10 })));
    const taken = sets.flat();
    expect(new Set(taken).size).toBe(taken.length);
    const rest = await takeUuids();
    expect([...taken, ...rest].sort()).toEqual(uuids.sort());
  });

  it('returns alerts whose update lies in the future: the clock was set back', async () => {
    const future = await addQuiet(-60 * MINUTE);
    await addQuiet(-MINUTE / 2); // clocks of two servers, after a failover
    expect(await takeUuids()).toEqual([future]);
    expect(await takeUuids()).toEqual([]);
    await setQuiet(future, -60 * MINUTE);
    const quiet = await addQuiet(2 * MINUTE);
    expect(await takeUuids({ limit: 1 })).toEqual([quiet]);
    expect(await takeUuids({ limit: 1 })).toEqual([future]);
  });

  it('skips rows that another session has locked', async () => {
    const held = await addQuiet(9 * MINUTE);
    const free = await addQuiet(2 * MINUTE);
    const holder = new pg.Client({ connectionString: database.url });
    await holder.connect();
    await holder.query('BEGIN');
    await holder.query('SELECT id FROM alerts WHERE uuid = $1 FOR UPDATE', [held]);
    expect(await takeUuids({ limit: 1 }).finally(() => holder.end())).toEqual([free]);
    expect(await takeUuids({ limit: 1 })).toEqual([held]);
  });

  it('respects its limit with every join order', async () => {
    await Promise.all(Array.from({ length: 30 }, () => addQuiet(2 * MINUTE)));
    const url = new URL(database.url);
    url.searchParams.set('options', ['hashjoin', 'mergejoin', 'hashagg', 'sort', 'material'].map(off).join(' '));
    const loops = openDatabase(url.href, { poolSize: 1, onError: () => {} });
    const taken = await takeOverdue(loops, { quietMs: MINUTE, limit: 3 }).finally(() => loops.$disconnect());
    expect(taken).toHaveLength(3);
  });
});

function off(method: string): string {
  return `-c enable_${method}=off`;
}
