import { pino } from 'pino';
import { expect, it, onTestFinished } from 'vitest';
import { appendAudit } from '#prisma/audit.ts';
import { verifyAuditLog } from '#prisma/audit-chain.ts';
import { openDatabase } from '#prisma/client.ts';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { startAuditRetention } from '../audit-retention.ts';

it('deletes old entries of the audit log, and records that', async () => {
  const database = await createTestDatabase();
  const db = openDatabase(database.url, { poolSize: 2, onError: () => {} });
  onTestFinished(async () => {
    await db.$disconnect();
    await database.drop();
  });
  const entry = { actor: { id: 'cli' }, action: 'key.created' } as const;
  await appendAudit(db, entry, entry, entry);
  await db.$executeRaw`ALTER TABLE audit_log DISABLE TRIGGER protect`;
  await db.$executeRaw`UPDATE audit_log SET at = at - interval '31 days' WHERE id < 3`;
  await db.$executeRaw`ALTER TABLE audit_log ENABLE TRIGGER protect`;
  const off = startAuditRetention({ db, log: pino({ level: 'silent' }), days: undefined });
  const retention = startAuditRetention({ db, log: pino({ level: 'silent' }), days: 30 });
  const actions = async () => (await db.auditEntry.findMany({ orderBy: { id: 'asc' } })).map(({ action }) => action);
  await expect.poll(actions, { timeout: 150_000 }).toEqual(['key.created', 'audit.pruned']);
  await Promise.all([off.close(), retention.close()]);
  expect(await verifyAuditLog(db)).toMatchObject({ entries: 2, anchor: { id: 2n } });
  expect((await verifyAuditLog(db)).error).toBeUndefined();
});
