import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { expect, it, onTestFinished } from 'vitest';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { addPending, claim, findAlert, recordFailure, release } from '../alerts.ts';
import { openDatabase } from '../client.ts';

it('a result write that timed out and still runs changes nothing after a release with refund and the next claim', async () => {
  const database = await createTestDatabase();
  const open = () => openDatabase(database.url, { poolSize: 1, onError: () => {} });
  const [releaser, next, writer] = [open(), open(), open()];
  const [holder, observer] = [database.url, database.url].map((url) => new pg.Client({ connectionString: url }));
  if (!holder || !observer) throw new Error('opened fewer than two sessions');
  await holder.connect();
  await observer.connect();
  onTestFinished(async () => {
    await holder.end();
    await observer.end();
    for (const db of [releaser, next, writer]) await db.$disconnect();
    await database.drop();
  });
  const waitForLockWaiters = (count: number) => {
    const waiting = `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    return expect
      .poll(async () => (await observer.query(waiting)).rowCount, { timeout: 150_000, interval: 10 })
      .toBe(count);
  };
  const late = { uuid: randomUUID(), claim: 1 };
  await addPending(releaser, { uuid: late.uuid, video: '/a.mp4', store: 's', timestamp: 1, requestId: 'r' });
  await claim(releaser, late.uuid);
  await holder.query('BEGIN');
  await holder.query('SELECT 1 FROM alerts WHERE uuid = $1 FOR UPDATE', [late.uuid]);
  // PostgreSQL grants the row in this order.
  const released = release(releaser, late, 0, { refund: true });
  await waitForLockWaiters(1);
  const claimed = claim(next, late.uuid);
  await waitForLockWaiters(2);
  const written = recordFailure(writer, late, { code: 'video_timeout', detail: 'late' }, 0);
  await waitForLockWaiters(3);
  await holder.query('COMMIT');
  await released;
  expect(await claimed).toMatchObject({ kind: 'claimed', alert: { attempts: 1, claims: 2 } });
  expect(await written).toMatchObject({ recorded: false, destinations: [] });
  expect(await findAlert(next, late.uuid)).toMatchObject({ status: 'processing', attempts: 1, failureCode: null });
});
