import { expect, it, onTestFinished } from 'vitest';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { openDatabase } from '../client.ts';
import { watchDisk } from '../disk.ts';
import { DatabaseError, DatabaseUnavailable } from '../errors.ts';

// test/e2e/full-database-disk.long.test.ts fills a real disk.

const FAST = { checkMs: 10 };
const FULL = new DatabaseUnavailable(new Error('No space left on device'), { diskFull: true });

it('a write that fails because the disk is full shows it; the check shows when there is space again', async () => {
  const database = await createTestDatabase();
  const db = openDatabase(database.url, { poolSize: 1, onError: () => {} });
  onTestFinished(async () => {
    await db.$disconnect();
    await database.drop();
  });
  expect(await db.isDiskFull()).toBe(false);
  // What PostgreSQL reports when it cannot extend a table.
  const fail = db.$executeRawUnsafe(`DO $$ BEGIN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END $$`);
  await expect(fail).rejects.toMatchObject({ diskFull: true, message: 'the disk of the database is full' });
  expect(await db.isDiskFull()).toBe(true);
  await expect.poll(() => db.isDiskFull(), { timeout: 150_000 }).toBe(false);
});

it.each([
  ['is full', FULL, true],
  ['is unavailable', new DatabaseUnavailable(new Error('ECONNREFUSED')), true],
  ['may not be checked', new DatabaseError('42501', new Error('permission denied')), false],
])('a disk that %s when it is checked: %s', async (_how, error, full) => {
  let checks = 0;
  const disk = watchDisk(async () => {
    checks += 1;
    throw error;
  }, FAST);
  disk.notice(FULL);
  expect(await disk.isFull()).toBe(true);
  await expect.poll(async () => [await disk.isFull(), checks > 0], { timeout: 150_000 }).toEqual([full, true]);
});

it('is not checked while no write has failed, and at most every 2 s afterwards', async () => {
  let checks = 0;
  const disk = watchDisk(async () => {
    checks += 1;
  });
  await disk.isFull();
  disk.notice(new DatabaseUnavailable(new Error('ECONNREFUSED')));
  disk.notice(FULL);
  for (let i = 0; i < 100; i += 1) await disk.isFull();
  expect(checks).toBe(0);
});
