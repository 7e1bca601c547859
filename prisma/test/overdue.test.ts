import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase, warm } from '#test/harness/test-database.ts';
import { addPending, claim, markNotified, recordFailure, retryFailed } from '../alerts.ts';
import { type Database, openDatabase } from '../client.ts';
import { listOverdue, type OverduePosition, openOverdueScan, takeOverdue } from '../overdue.ts';

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
  const quietMs = options.quietMs ?? MINUTE;
  const { alerts: listed } = await openOverdueScan(db)({ quietMs, limit: options.limit ?? 100 });
  const taken = await takeOverdue(
    db,
    listed.map(({ uuid }) => uuid),
    { quietMs },
  );
  return taken.map(({ uuid }) => uuid);
}

describe('takeOverdue', () => {
  it('returns alerts that were not updated for long enough, with the columns of a job', async () => {
    const quiet = await addQuiet(2 * MINUTE);
    await addQuiet(MINUTE / 2);
    expect(await listOverdue(db, { quietMs: MINUTE, limit: 100 })).toMatchObject([{ uuid: quiet, notBefore: null }]);
    expect(await takeOverdue(db, [quiet], { quietMs: MINUTE })).toEqual([
      { uuid: quiet, requestId: `r-${quiet}`, store: 's', source: null, traceparent: null, notBefore: null },
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
    expect((await takeUuids()).sort()).toEqual([quiet, future].sort());
  });

  it('skips rows that another session has locked', async () => {
    const held = await addQuiet(9 * MINUTE);
    const free = await addQuiet(2 * MINUTE);
    const holder = new pg.Client({ connectionString: database.url });
    await holder.connect();
    await holder.query('BEGIN');
    await holder.query('SELECT id FROM alerts WHERE uuid = $1 FOR UPDATE', [held]);
    expect(await takeUuids().finally(() => holder.end())).toEqual([free]);
    expect(await takeUuids()).toEqual([held]);
  });

  it('does not take an alert that was updated since it was listed', async () => {
    const [quiet, updated] = [await addQuiet(2 * MINUTE), await addQuiet(2 * MINUTE)];
    await claim(db, updated);
    expect((await takeOverdue(db, [quiet, updated], { quietMs: MINUTE })).map(({ uuid }) => uuid)).toEqual([quiet]);
  });

  it('keeps the distances of a retry by an operator that has not started on time', async () => {
    const uuids = await Promise.all([0, 0, 0].map(addQuiet));
    for (const uuid of uuids) {
      await claim(db, uuid);
      await recordFailure(db, { uuid, claim: 1 }, { code: 'video_timeout', detail: '' }, 0);
    }
    const spread = async (keys: { uuid: string; notBefore: Date | null }[]) =>
      uuids.map((uuid) => keys.find((key) => key.uuid === uuid)?.notBefore?.getTime() ?? 0);
    const planned = await spread(await retryFailed(db, uuids, { perSecond: 0.1 }));
    expect(planned.map((time) => time - (planned[0] ?? 0))).toEqual([0, 10_000, 20_000]);
    await db.$executeRaw`
      UPDATE alerts SET updated_at = updated_at - interval '1 hour', next_attempt_at = next_attempt_at - interval '1 hour'`;
    const before = Date.now() - 1_000;
    const shifted = await spread(await takeOverdue(db, uuids, { quietMs: MINUTE }));
    expect(shifted.map((time) => time - (shifted[0] ?? 0))).toEqual([0, 10_000, 20_000]);
    expect(shifted[0]).toBeGreaterThan(before);
    // An alert whose first attempt has started is not delayed again.
    await claim(db, uuids[2] ?? '');
    await setQuiet(uuids[2] ?? '', 2 * MINUTE);
    expect(await takeOverdue(db, [uuids[2] ?? ''], { quietMs: MINUTE })).toMatchObject([{ notBefore: null }]);
  });
});

describe('listOverdue', () => {
  it('continues after a position, and changes nothing', async () => {
    const uuids = [];
    for (const minutes of [9, 7, 5, 5, 3]) uuids.push(await addQuiet(minutes * MINUTE));
    const list = (limit: number, after?: OverduePosition) => listOverdue(db, { quietMs: MINUTE, limit, after });
    const first = await list(2);
    const second = await list(2, first.at(-1));
    const third = await list(2, second.at(-1));
    expect([...first, ...second, ...third].map(({ uuid }) => uuid)).toEqual((await list(9)).map(({ uuid }) => uuid));
    expect((await list(9)).map(({ uuid }) => uuid).sort()).toEqual(uuids.sort());
    expect(third).toHaveLength(1);
  });
});
