import { readFile } from 'node:fs/promises';
import { expect, it, onTestFinished } from 'vitest';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { openDatabase } from '../client.ts';
import { waitUntilReady } from '../readiness.ts';
import { sessionSettings } from '../session-settings.ts';

const ROLES = new URL('../roles.sql', import.meta.url);

async function openPooled() {
  const database = await createTestDatabase();
  onTestFinished(() => database.drop());
  const db = openDatabase(database.url, { poolSize: 1, pooled: true, onError: () => {} });
  onTestFinished(() => db.$disconnect());
  return { db, name: new URL(database.url).pathname.slice(1), url: database.url };
}

it('are sent by a direct connection, and not to a pooler', async () => {
  const { db, url } = await openPooled();
  const direct = openDatabase(url, { poolSize: 1, onError: () => {} });
  onTestFinished(() => direct.$disconnect());
  const read = 'SHOW statement_timeout';
  expect(await direct.$queryRawUnsafe(read)).toEqual([{ statement_timeout: '8s' }]);
  expect(await db.$queryRawUnsafe(read)).toEqual([{ statement_timeout: '0' }]);
});

it('must be those of the role behind a pooler: the start fails otherwise, and says what to do', async () => {
  const { db, name } = await openPooled();
  const start = () => waitUntilReady(db, () => {});
  await expect(start()).rejects.toThrow(
    /sessions have other settings than this program needs: .*statement_timeout is 0.* ALTER ROLE CURRENT_USER SET statement_timeout = '8000';/,
  );
  for (const [setting, value] of Object.entries(sessionSettings(10_000))) {
    await db.$executeRawUnsafe(`ALTER DATABASE ${name} SET ${setting} = '${value}'`);
  }
  await db.$queryRawUnsafe('SELECT pg_terminate_backend(pg_backend_pid())').catch(() => {});
  await expect.poll(() => start().then(() => 'started', String), { timeout: 150_000 }).toBe('started');
});

it('are those of prisma/roles.sql', async () => {
  const sql = await readFile(ROLES, 'utf8');
  const inRoles = [...sql.matchAll(/\('(\w+)', '(force_custom_plan|\d+s)'\)/g)].map(([, name, value]) => [name, value]);
  const inMs = Object.entries(sessionSettings(10_000));
  expect(inRoles).toEqual(inMs.map(([name, value]) => [name, typeof value === 'number' ? `${value / 1_000}s` : value]));
});

it('sends no names of prepared statements to a pooler', async () => {
  const { db } = await openPooled();
  await db.writes.claim({ uuid: '35df2857-3a48-4985-aed0-e68b5ae4c968' });
  expect(await db.$queryRawUnsafe('SELECT name FROM pg_prepared_statements')).toEqual([]);
});
