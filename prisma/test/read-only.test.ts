import { expect, it, onTestFinished } from 'vitest';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { openDatabase } from '../client.ts';
import { DatabaseUnavailable } from '../errors.ts';

it('a connection to a server that has become read-only is closed, also one of a transaction', async () => {
  const database = await createTestDatabase();
  onTestFinished(() => database.drop());
  const db = openDatabase(database.url, { poolSize: 1, onError: () => {} });
  onTestFinished(() => db.$disconnect());
  const session = async () => (await db.$queryRaw<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`)[0]?.pid;
  const before = await session();
  const write = db.transaction(async (tx) => {
    // What a standby does by itself.
    await tx.$executeRaw`SET TRANSACTION READ ONLY`;
    await tx.$executeRaw`UPDATE alerts SET store = 'other'`;
  });
  await expect(write).rejects.toThrow(DatabaseUnavailable);
  await expect.poll(session, { timeout: 150_000 }).not.toBe(before);
});
