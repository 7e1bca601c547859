import { expect, it, onTestFinished } from 'vitest';
import { verifyAuditLog } from '#prisma/audit-chain.ts';
import { openDatabase } from '#prisma/client.ts';
import { backup } from '../backup-cli.ts';
import { restore } from '../restore-cli.ts';
import { fill, query, temporaryFolder, testDatabase } from './fixture.ts';

const LOG = 'SELECT actor, actor_name, action, target, details FROM audit_log ORDER BY id';

it('the audit log has each backup and each restore, and its chain stays intact', async () => {
  const url = await testDatabase();
  await fill(url);
  const folder = await temporaryFolder();
  expect(await backup(['--to', folder, '--format', 'tables'], { DATABASE_URL: url })).toBe(0);
  const before = await query(url, LOG);
  const created = before.pop();
  const user = { actor: 'cli', actor_name: expect.stringMatching(/./) };
  const name = expect.stringMatching(/^alerts-/);
  const made = { to: folder, format: 'tables', media: false, keep: 14 };
  expect(created).toEqual({ ...user, action: 'backup.created', target: name, details: made });

  const target = await testDatabase({ empty: true });
  // Without SECRETS_KEY, the destination has a warning.
  expect(await restore(['--from', folder], { DATABASE_URL: target })).toBe(3);
  const details = { from: folder, created_at: expect.any(String) };
  // The entry of a backup is later than the backup.
  const restored = { ...user, action: 'backup.restored', target: created?.target, details };
  expect(await query(target, LOG)).toEqual([...before, restored]);
  const db = openDatabase(target, { poolSize: 1, onError: () => {} });
  onTestFinished(() => db.$disconnect());
  expect(await verifyAuditLog(db)).toMatchObject({ entries: 3 });
  expect((await verifyAuditLog(db)).error).toBeUndefined();
});
