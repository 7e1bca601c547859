import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '#test/harness/test-database.ts';
import { type AlertFilter, addPending, claim, listAlerts, recordFailure } from '../alerts.ts';
import { type Database, openDatabase } from '../client.ts';

let database: TestDatabase;
let db: Database;
/** Received one second apart, n = 0 first; 4 to 6 at the same time. */
const uuids: string[] = [];
const received = (n: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, n >= 4 && n <= 6 ? 4 : n));

beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase(database.url, { poolSize: 2, onError: () => {} });
  for (let n = 0; n < 10; n += 1) {
    const uuid = randomUUID();
    uuids.push(uuid);
    const store = n % 2 === 0 ? 'even' : 'odd';
    await addPending(db, { uuid, video: '/a.mp4', store, timestamp: n, requestId: 'r' });
    await db.alert.update({ where: { uuid }, data: { receivedAt: received(n) } });
  }
  for (const [n, code] of [
    [1, 'video_timeout'],
    [2, 'video_not_found'],
  ] as const) {
    const uuid = uuids[n] ?? '';
    await claim(db, uuid);
    await recordFailure(db, { uuid, claim: 1 }, { code, detail: '' }, 0);
  }
  await claim(db, uuids[3] ?? '');
});
afterAll(async () => {
  await db.$disconnect();
  await database.drop();
});

/** Returns the numbers of the listed alerts. */
async function list(filter: AlertFilter = {}, limit = 100): Promise<number[]> {
  const alerts = await listAlerts(db, filter, { limit });
  return alerts.map(({ uuid }) => uuids.indexOf(uuid));
}

describe('listAlerts', () => {
  it('lists the newest first, and alerts of the same time by insertion order', async () => {
    expect(await list()).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
  });

  it('lists at most `limit` alerts', async () => {
    expect(await list({}, 3)).toEqual([9, 8, 7]);
  });

  it.each<[AlertFilter, number[]]>([
    [{ store: 'odd' }, [9, 7, 5, 3, 1]],
    [{ store: 'od' }, []],
    [{ status: 'failed' }, [2, 1]],
    [{ status: 'processing' }, [3]],
    [{ failureCode: 'video_timeout' }, [1]],
    [{ store: 'even', status: 'failed', failureCode: 'video_not_found' }, [2]],
    [{ store: 'odd', failureCode: 'video_not_found' }, []],
    [{ stores: ['even', 'odd', 'nobody'] }, [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]],
    [{ stores: ['even'], status: 'failed' }, [2]],
    [{ stores: ['even', 'nobody'], store: 'odd' }, []],
    [{ stores: [] }, []],
    [{ status: 'pending' }, [9, 8, 7, 6, 5, 4, 0]],
    [{ status: 'processed' }, []],
    [{ status: 'pending', failureCode: 'video_timeout' }, []],
    [{ store: undefined, status: undefined }, [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]],
  ])('filters by %j', async (filter, expected) => {
    expect(await list(filter)).toEqual(expected);
  });

  it('includes the start of the period and excludes its end', async () => {
    expect(await list({ from: received(2), to: received(4) })).toEqual([3, 2]);
    expect(await list({ from: received(8) })).toEqual([9, 8]);
    expect(await list({ to: received(1) })).toEqual([0]);
  });

  it.each([1, 2, 3, 4])('lists every alert once in pages of %d, also alerts of the same time', async (limit) => {
    const seen: number[] = [];
    let after: { receivedAt: Date; id: bigint } | undefined;
    for (let pages = 0; pages <= 10; pages += 1) {
      const page = await listAlerts(db, {}, { limit, after });
      seen.push(...page.map(({ uuid }) => uuids.indexOf(uuid)));
      after = page.at(-1);
      if (page.length < limit) break;
    }
    expect(seen).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
  });

  it.each([1, 3, 4])('lists the oldest first, of all stores or of several, in pages of %d', async (limit) => {
    for (const stores of [undefined, ['odd', 'even']]) {
      const seen: number[] = [];
      let after: { receivedAt: Date; id: bigint } | undefined;
      for (let pages = 0; pages <= 10; pages += 1) {
        const page = await listAlerts(db, { stores }, { limit, after, oldestFirst: true });
        seen.push(...page.map(({ uuid }) => uuids.indexOf(uuid)));
        after = page.at(-1);
        if (page.length < limit) break;
      }
      expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }
  });

  it.each([1, 3, 4])('lists several stores as one list in pages of %d', async (limit) => {
    const stores = ['odd', 'even'];
    const seen: number[] = [];
    let after: { receivedAt: Date; id: bigint } | undefined;
    for (let pages = 0; pages <= 10; pages += 1) {
      const page = await listAlerts(db, { stores }, { limit, after });
      seen.push(...page.map(({ uuid }) => uuids.indexOf(uuid)));
      after = page.at(-1);
      if (page.length < limit) break;
    }
    expect(seen).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
  });

  it('pages within a filter', async () => {
    const [, second] = await listAlerts(db, { store: 'odd' }, { limit: 2 });
    const rest = await listAlerts(db, { store: 'odd', to: received(7) }, { limit: 10, after: second });
    expect(rest.map(({ uuid }) => uuids.indexOf(uuid))).toEqual([5, 3, 1]);
  });
});
