import { afterAll, beforeAll, expect, it } from 'vitest';
import { appendAudit } from '#prisma/audit.ts';
import { type Database, openDatabase } from '#prisma/client.ts';
import { runCommand } from '#test/harness/run-command.ts';
import { createTestDatabase, type TestDatabase } from '#test/harness/test-database.ts';

let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase(database.url, { poolSize: 2, onError: () => {} });
});
afterAll(async () => {
  await db.$disconnect();
  await database.drop();
});

const audit = (...args: string[]) => runCommand('api/audit/audit-cli.ts', args, { DATABASE_URL: database.url });

it('npm run audit -- verify prints the last entry, or the first error, and exits with 1', async () => {
  expect(await audit('verify')).toEqual({ code: 0, out: '0 entries are intact.\n', err: '' });
  const entry = { actor: { id: 'cli' }, action: 'key.created' } as const;
  await appendAudit(db, entry, entry, entry);
  const { out } = await audit('verify');
  const [, last = ''] = /^3 entries are intact\.\nlast entry (3:[0-9a-f]{64})\n$/.exec(out) ?? [out];
  expect(last).toMatch(/^3:/);
  expect((await audit('verify', '--known', last)).code).toBe(0);
  const other = await audit('verify', '--known', `2:${'0'.repeat(64)}`);
  expect(other).toMatchObject({ code: 1, out: '', err: expect.stringContaining('entry 2 is not the known one') });
  for (const sql of [
    'ALTER TABLE audit_log DISABLE TRIGGER protect',
    'DELETE FROM audit_log WHERE id = 2',
    'ALTER TABLE audit_log ENABLE TRIGGER protect',
  ]) {
    await db.$executeRawUnsafe(sql);
  }
  expect(await audit('verify')).toEqual({
    ...{ code: 1, out: '' },
    err: 'The audit log is damaged: entry 2 is missing: the next one is 3. 1 entries before are intact.\n',
  });
  const usage = await audit('check');
  expect(usage).toMatchObject({ code: 1, err: expect.stringContaining('Unknown command check.') });
  expect((await audit('verify', '--known', '3')).err).toContain('--known takes NUMBER:HASH');
});
