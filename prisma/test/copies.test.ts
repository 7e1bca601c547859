import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '#test/harness/test-database.ts';
import { addPending, claim, recordResolution } from '../alerts.ts';
import { countArchive, requestArchiveCopies } from '../archive-copies.ts';
import { type Database, openDatabase } from '../client.ts';
import * as copies from '../copies.ts';
import { RESOLUTION } from './delivery-fixture.ts';

let database: TestDatabase;
let db: Database;
beforeEach(async () => {
  database = await createTestDatabase();
  db = openDatabase(database.url, { poolSize: 4, onError: () => {} });
});
afterEach(async () => {
  await db.$disconnect();
  await database.drop();
});

/** Returns the id of a new processed alert. */
async function alert(store = 'a', days = 0): Promise<bigint> {
  const uuid = randomUUID();
  await addPending(db, { uuid, video: '/a.avi', store, timestamp: 1, requestId: 'r' });
  const claimed = await claim(db, uuid);
  if (claimed.kind !== 'claimed') throw new Error(claimed.kind);
  await recordResolution(db, { uuid, claim: claimed.alert.claims }, { ...RESOLUTION, container: 'avi' }, 1);
  await db.$executeRaw`UPDATE alerts SET received_at = now() - make_interval(days => ${days}::int) WHERE uuid = ${uuid}::uuid`;
  return (await db.alert.findUniqueOrThrow({ where: { uuid } })).id;
}

async function claimed(): Promise<copies.ClaimedCopy> {
  const copy = await copies.claimCopy(db, 60_000);
  if (!copy) throw new Error('nothing is due');
  return copy;
}

const sha = (n: number) => n.toString(16).padStart(64, '0');

async function ready(alertId: bigint, bytes: number, n: number = Number(alertId)) {
  await copies.requestCopy(db, alertId);
  const copy = await claimed();
  return copies.recordCopy(db, copy, { sha256: sha(n), width: 640, height: 360, bytes });
}

const expire = () => db.$executeRaw`UPDATE copies SET next_attempt_at = now() - interval '1 s'`;

describe('requestCopy', () => {
  it('makes one row of any number of requests', async () => {
    const id = await alert();
    const rows = await Promise.all(Array.from({ length: 8 }, () => copies.requestCopy(db, id)));
    expect(rows.map(({ status }) => status)).toEqual(Array(8).fill('pending'));
    expect(await db.copy.count()).toBe(1);
    await claimed();
    expect(await copies.claimCopy(db, 60_000)).toBeUndefined();
  });

  it('leaves a copy that is ready as it is, unless its file is lost', async () => {
    const id = await alert();
    await ready(id, 10);
    expect(await copies.requestCopy(db, id)).toMatchObject({ status: 'ready', bytes: 10n });
    expect(await copies.requestCopy(db, id, { lost: true })).toMatchObject({ status: 'pending', progress: 0 });
  });

  it('makes a copy pending again that could not be made', async () => {
    const id = await alert();
    await copies.requestCopy(db, id);
    await copies.recordNoCopy(db, await claimed(), { reason: 'too_long', detail: 'an hour\0' });
    expect(await copies.findCopy(db, id)).toMatchObject({
      status: 'none',
      reason: 'too_long',
      detail: 'an hour\ufffd',
    });
    expect(await copies.requestCopy(db, id)).toMatchObject({ status: 'pending', reason: null, detail: null });
    expect(await claimed()).toMatchObject({ attempts: 2, attempt: 1 });
  });
});

describe('a claim', () => {
  it('has what the copy needs of its alert', async () => {
    const id = await alert('store-1');
    await copies.requestCopy(db, id);
    expect(await claimed()).toEqual({
      ...{ alertId: id, archive: false, attempts: 1, attempt: 1 },
      alert: {
        ...{ uuid: expect.any(String), video: '/a.avi', store: 'store-1', source: null },
        ...{ codec: 'h264', container: 'avi', duration: 1.5, rotation: 0 },
      },
    });
  });

  it('is exclusive until its lease ends; then only the newest claim can write', async () => {
    const id = await alert();
    await copies.requestCopy(db, id);
    const first = await claimed();
    expect(await copies.renewCopy(db, first, { leaseMs: 60_000, progress: 0.5 })).toBe(true);
    expect(await copies.findCopy(db, id)).toMatchObject({ progress: 0.5 });
    expect(await copies.claimCopy(db, 60_000)).toBeUndefined();
    await expire();
    const second = await claimed();
    expect(second).toMatchObject({ attempts: 2, attempt: 2 });
    const file = { sha256: sha(1), width: 2, height: 2, bytes: 1 };
    expect(await copies.renewCopy(db, first, { leaseMs: 60_000, progress: 1 })).toBe(false);
    expect(await copies.retryCopy(db, first, 0)).toBe(false);
    expect(await copies.releaseCopy(db, first)).toBe(false);
    expect(await copies.recordNoCopy(db, first, { reason: 'r', detail: '' })).toMatchObject({ recorded: false });
    expect(await copies.recordCopy(db, first, file)).toMatchObject({ recorded: false });
    expect(await copies.recordCopy(db, second, file)).toEqual({ recorded: true, unused: undefined });
    expect(await copies.recordCopy(db, second, file)).toMatchObject({ recorded: false });
    expect(await copies.findCopy(db, id)).toMatchObject({ status: 'ready', progress: 1, bytes: 1n, width: 2 });
  });

  it('that is released does not count; one that is retried does, later', async () => {
    await copies.requestCopy(db, await alert());
    await copies.releaseCopy(db, await claimed());
    const again = await claimed();
    expect(again).toMatchObject({ attempts: 2, attempt: 1 });
    expect(await copies.retryCopy(db, again, 60_000)).toBe(true);
    expect(await copies.claimCopy(db, 1)).toBeUndefined();
    await expire();
    expect(await claimed()).toMatchObject({ attempts: 3, attempt: 2 });
  });

  it('of several workers at the same time is of different copies', async () => {
    for (let n = 0; n < 4; n += 1) await copies.requestCopy(db, await alert());
    const all = await Promise.all(Array.from({ length: 6 }, () => copies.claimCopy(db, 60_000)));
    const ids = all.flatMap((copy) => (copy ? [copy.alertId] : []));
    expect(new Set(ids).size).toBe(ids.length);
    while (await copies.claimCopy(db, 60_000)) ids.push(0n);
    expect(ids).toHaveLength(4);
  });

  it('is of a copy for the archive only if no other is due; a requested one is the first of these', async () => {
    const [first, second, third] = [await alert('a', 3), await alert('a', 2), await alert('a', 1)];
    expect(await requestArchiveCopies(db, { store: 'a', before: new Date() }, { limit: 10 })).toMatchObject({
      requested: 3,
    });
    await copies.requestCopy(db, third);
    const other = await alert();
    await copies.requestCopy(db, other);
    const order = [await claimed(), await claimed(), await claimed(), await claimed()].map(({ alertId }) => alertId);
    expect(order).toEqual([other, third, first, second]);
  });
});

describe('the cache', () => {
  it('evicts the copies that were not used for longest, and none of the archive', async () => {
    const ids = [await alert(), await alert(), await alert(), await alert()] as const;
    for (const id of ids) await ready(id, 100);
    await db.$executeRaw`UPDATE copies SET last_used_at = now() - make_interval(hours => ${ids[3]}::int - alert_id::int + 1)`;
    await copies.touchCopy(db, ids[0]);
    await db.copy.update({ where: { alertId: ids[1] }, data: { archive: true } });
    expect(await copies.countCopies(db)).toMatchObject({ cacheBytes: 300 });
    expect(await copies.evictCopies(db, 250)).toEqual({ evicted: 1, unused: [sha(Number(ids[2]))] });
    expect(await copies.evictCopies(db, 250)).toEqual({ evicted: 0, unused: [] });
    expect(await copies.evictCopies(db, 0)).toMatchObject({ evicted: 2 });
    expect((await db.copy.findMany()).map(({ alertId }) => alertId)).toEqual([ids[1]]);
  });

  it('keeps a file that another copy has, too', async () => {
    const ids = [await alert(), await alert(), await alert()] as const;
    for (const id of ids) await ready(id, 100, 7);
    expect(await copies.evictCopies(db, 100)).toEqual({ evicted: 2, unused: [] });
    expect(await copies.evictCopies(db, 0)).toEqual({ evicted: 1, unused: [sha(7)] });
  });

  it('records a use at most once a minute', async () => {
    const id = await alert();
    await ready(id, 1);
    const { lastUsedAt } = await db.copy.findFirstOrThrow();
    await copies.touchCopy(db, id);
    expect((await db.copy.findFirstOrThrow()).lastUsedAt).toEqual(lastUsedAt);
  });
});

describe('a file that is replaced', () => {
  it('is reported, unless another copy has it', async () => {
    const ids = [await alert(), await alert()] as const;
    for (const id of ids) await ready(id, 100, 7);
    for (const [id, unused] of [
      [ids[0], undefined],
      [ids[1], sha(7)],
    ] as const) {
      await copies.requestCopy(db, id, { lost: true });
      const file = { sha256: sha(8), width: 2, height: 2, bytes: 1 };
      expect(await copies.recordCopy(db, await claimed(), file)).toEqual({ recorded: true, unused });
    }
  });
});

describe('the archive', () => {
  const yesterday = () => new Date(Date.now() - 86_400_000);

  it('requests page by page, resumes, and counts', async () => {
    const ids = [];
    for (let days = 6; days >= 0; days -= 1) ids.push(await alert('a', days));
    await alert('b', 9);
    const filter = { store: 'a', before: yesterday() };
    expect(await countArchive(db, filter)).toMatchObject({ alerts: 6, missing: 6, ready: 0 });
    const first = await requestArchiveCopies(db, filter, { limit: 4 });
    expect(first).toMatchObject({ requested: 4, after: { id: ids[3] } });
    expect(await requestArchiveCopies(db, filter, { limit: 4, after: first.after })).toEqual({
      requested: 2,
      after: undefined,
    });
    expect(await requestArchiveCopies(db, filter, { limit: 4 })).toEqual({ requested: 0, after: undefined });
    await copies.recordCopy(db, await claimed(), { sha256: sha(1), width: 2, height: 2, bytes: 5 });
    await copies.recordNoCopy(db, await claimed(), { reason: 'too_long', detail: '' });
    const counts = { alerts: 6, ready: 1, none: 1, pending: 4, missing: 0, bytes: 5, reasons: { too_long: 1 } };
    expect(await countArchive(db, filter)).toEqual(counts);
    expect(await requestArchiveCopies(db, filter, { limit: 9, retry: true })).toMatchObject({ requested: 1 });
    expect(await copies.countCopies(db)).toMatchObject({ pending: 0, pendingArchive: 5, oldestPendingAt: null });
  });

  it('takes over a copy that a user has requested, but not during its attempt', async () => {
    const id = await alert('a', 2);
    await copies.requestCopy(db, id);
    const copy = await claimed();
    const filter = { store: 'a', before: yesterday() };
    expect(await requestArchiveCopies(db, filter, { limit: 9 })).toMatchObject({ requested: 0 });
    await copies.recordCopy(db, copy, { sha256: sha(1), width: 2, height: 2, bytes: 5 });
    expect(await countArchive(db, filter)).toMatchObject({ missing: 1, bytes: 0 });
    expect(await requestArchiveCopies(db, filter, { limit: 9 })).toMatchObject({ requested: 1 });
    expect(await claimed()).toMatchObject({ alertId: id, archive: true, attempt: 1 });
  });
});
