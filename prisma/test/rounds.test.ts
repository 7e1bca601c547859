import { randomUUID } from 'node:crypto';
import { expect, it, onTestFinished } from 'vitest';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { addPending, claim, findAlert, recordFailure, release, retryFailed } from '../alerts.ts';
import { type Database, openDatabase } from '../client.ts';
import { listRounds } from '../rounds.ts';

async function open(): Promise<Database> {
  const database = await createTestDatabase();
  const db = openDatabase(database.url, { poolSize: 5, onError: () => {} });
  onTestFinished(async () => {
    await db.$disconnect();
    await database.drop();
  });
  return db;
}

it('a row keeps the error and the time of the next attempt, until an operator retries the alert', async () => {
  const db = await open();
  const uuid = randomUUID();
  await addPending(db, { uuid, video: '/a.mp4', store: 's', timestamp: 1, requestId: 'r' });
  await claim(db, uuid);
  await release(db, { uuid, claim: 1 }, 0, { refund: false, error: 'video_timeout: silent', delayMs: 1_500 });
  const waiting = await findAlert(db, uuid);
  expect(waiting).toMatchObject({ lastError: 'video_timeout: silent' });
  expect(Number(waiting?.nextAttemptAt) - Number(waiting?.lastErrorAt)).toBe(1_500);
  await claim(db, uuid);
  await recordFailure(db, { uuid, claim: 2 }, { code: 'video_timeout', detail: 'silent again' }, 0);
  await retryFailed(db, [uuid]);
  expect(await findAlert(db, uuid)).toMatchObject({
    lastError: null,
    lastErrorAt: null,
    nextAttemptAt: null,
    roundStartedAt: expect.any(Date),
  });
});

it('of concurrent retries, one saves the round that failed', async () => {
  const db = await open();
  const uuid = randomUUID();
  const { alert } = await addPending(db, { uuid, video: '/a.mp4', store: 's', timestamp: 1, requestId: 'r' });
  await claim(db, uuid);
  await recordFailure(db, { uuid, claim: 1 }, { code: 'video_unreadable', detail: 'no box' }, 0);
  const failed = await findAlert(db, uuid);
  const retries = await Promise.all(Array.from({ length: 5 }, () => retryFailed(db, [uuid])));
  expect(retries.filter((keys) => keys.length > 0)).toHaveLength(1);
  expect(await listRounds(db, alert.id)).toEqual([
    {
      alertId: alert.id,
      attempts: 1,
      startedAt: failed?.receivedAt,
      endedAt: failed?.processedAt,
      failureCode: 'video_unreadable',
      failureDetail: 'no box',
    },
  ]);
});
