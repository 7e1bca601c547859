import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, it, onTestFinished } from 'vitest';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { addPending, claim, recordFailure, recordResolution, release, retryFailed } from '../alerts.ts';
import { type Database, openDatabase } from '../client.ts';
import { RESOLUTION } from './delivery-fixture.ts';

async function openTestDatabase(): Promise<Database> {
  const database = await createTestDatabase();
  const db = openDatabase(database.url, { poolSize: 2, onError: () => {} });
  onTestFinished(async () => {
    await db.$disconnect();
    await database.drop();
  });
  return db;
}

it('every status change gets a feed position after all earlier ones', async () => {
  const db = await openTestDatabase();
  const uuid = randomUUID();
  const steps: (() => Promise<unknown>)[] = [
    () => addPending(db, { uuid, video: '/a.mp4', store: 's', timestamp: 1, requestId: 'r' }),
    () => claim(db, uuid),
    () => release(db, { uuid, claim: 1 }, 0, { refund: false }),
    () => claim(db, uuid),
    () => recordFailure(db, { uuid, claim: 2 }, { code: 'video_timeout', detail: '' }, 0),
    () => retryFailed(db, [uuid]),
    () => claim(db, uuid),
    () => recordResolution(db, { uuid, claim: 3 }, RESOLUTION, 0),
  ];
  const positions: bigint[] = [];
  for (const step of steps) {
    await step();
    const [row] = await db.$queryRaw<{ xid: string }[]>`SELECT change_xid::text AS xid FROM alerts`;
    positions.push(BigInt(row?.xid ?? 0));
  }
  expect(new Set(positions).size).toBe(steps.length);
  expect(positions.toSorted((a, b) => (a < b ? -1 : 1))).toEqual(positions);
});

it('the statement in docs/operations.md moves only positions that the restored server has not reached', async () => {
  const db = await openTestDatabase();
  const [reached, ahead] = [randomUUID(), randomUUID()];
  for (const uuid of [reached, ahead]) {
    await addPending(db, { uuid, video: '/a.mp4', store: 's', timestamp: 1, requestId: 'r' });
  }
  await db.$executeRaw`UPDATE alerts SET change_xid = '4611686018427387904' WHERE uuid = ${ahead}::uuid`;
  const positionOf = async (uuid: string) => {
    const rows = await db.$queryRaw<{ xid: string; reached: boolean }[]>`
      SELECT change_xid::text AS xid, change_xid < pg_snapshot_xmax(pg_current_snapshot()) AS reached
      FROM alerts WHERE uuid = ${uuid}::uuid`;
    return rows[0];
  };
  const before = await positionOf(reached);
  expect((await positionOf(ahead))?.reached).toBe(false);
  const docs = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
  await db.$executeRawUnsafe(/`(UPDATE alerts SET change_xid [^`]+)`/.exec(docs)?.[1] ?? '');
  expect((await positionOf(ahead))?.reached).toBe(true);
  expect(await positionOf(reached)).toEqual(before);
});
