import { randomUUID } from 'node:crypto';
import { expect, it, onTestFinished } from 'vitest';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { addPending, claim, recordFailure, recordResolution, release, retryFailed } from '../alerts.ts';
import { openDatabase } from '../client.ts';

const RESOLUTION = {
  resolution: '2x1',
  width: 2,
  height: 1,
  rotation: 0,
  codec: 'c',
  container: 'mp4',
  duration: null,
};

it('every status change gets a feed position after all earlier ones', async () => {
  const database = await createTestDatabase();
  const db = openDatabase(database.url, { poolSize: 2, onError: () => {} });
  onTestFinished(async () => {
    await db.$disconnect();
    await database.drop();
  });
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
