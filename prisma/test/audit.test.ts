import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase, warm } from '#test/harness/test-database.ts';
import { appendAudit, type NewAuditEntry, pruneAuditLog } from '../audit.ts';
import { verifyAuditLog } from '../audit-chain.ts';
import { type Database, openDatabase } from '../client.ts';
import { DatabaseError } from '../errors.ts';

let database: TestDatabase;
let db: Database;
let superuser: pg.Client;

beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase(database.url, { poolSize: 8, queryTimeoutMs: 150_000, onError: () => {} });
  superuser = new pg.Client({ connectionString: database.url });
  await superuser.connect();
});
afterAll(async () => {
  await Promise.all([db.$disconnect(), superuser.end()]);
  await database.drop();
});

/** As a superuser can: without triggers. */
async function tamper(...statements: string[]): Promise<void> {
  await superuser.query("SET session_replication_role = 'replica'");
  for (const sql of statements) await superuser.query(sql);
  await superuser.query("SET session_replication_role = 'origin'");
}

beforeEach(async () => {
  const zeros = "decode(repeat('00', 32), 'hex')";
  await tamper(
    'TRUNCATE audit_log',
    `UPDATE audit_head SET anchor_id = 0, anchor_hash = ${zeros}, last_id = 0, last_hash = ${zeros}`,
  );
});

const held = (n: number): NewAuditEntry => ({
  actor: { id: 'a1', name: 'Zoë "q" \\ \u0001\u007f\u2028 😀', address: '::1' },
  action: 'hold.placed',
  target: `alert-${n}`,
  details: { reason: 'line\nbreak\t/ "q" é 😀', number: 1.5e-7, none: null },
});

async function append(count: number): Promise<void> {
  for (let n = 1; n <= count; n += 1) await appendAudit(db, held(n));
}

const ids = async () => (await db.auditEntry.findMany({ orderBy: { id: 'asc' } })).map(({ id }) => Number(id));

describe('appendAudit', () => {
  it('numbers entries, and dates and chains them by the clock of the database', async () => {
    await append(1);
    await appendAudit(db, { actor: { id: 'worker' }, action: 'retention.run', details: { deleted: 3 } }, held(3));
    const rows = await db.auditEntry.findMany({ orderBy: { id: 'asc' } });
    expect(rows.map(({ id }) => id)).toEqual([1n, 2n, 3n]);
    expect(rows[0]).toMatchObject({ actor: 'a1', actorName: held(1).actor.name, address: '::1', target: 'alert-1' });
    expect(rows[1]).toMatchObject({ actor: 'worker', actorName: null, address: null, target: null });
    expect(rows[1]?.details).toEqual({ deleted: 3 });
    expect(Buffer.from(rows[1]?.previousHash ?? [])).toEqual(Buffer.from(rows[0]?.hash ?? []));
    expect(Math.abs((rows[0]?.at.getTime() ?? 0) - Date.now())).toBeLessThan(600_000);
    expect(await verifyAuditLog(db)).toMatchObject({ entries: 3, head: { id: 3n } });
  });

  it('ignores the number, time and hash that an insert names', async () => {
    await superuser.query(`INSERT INTO audit_log (id, at, actor, action, details, previous_hash, hash)
      VALUES (77, '2000-01-01', 'x', 'key.created', '{ "a":  1 }', '', '')`);
    expect(await verifyAuditLog(db)).toMatchObject({ entries: 1, head: { id: 1n } });
    expect((await verifyAuditLog(db)).error).toBeUndefined();
  });

  it('chains concurrent entries without gaps, also those of transactions that roll back', async () => {
    await warm(db, 8);
    const rolledBack = () =>
      db.transaction(async (tx) => {
        await appendAudit(tx, held(0));
        throw new Error('rolled back');
      });
    for (let wave = 0; wave < 3; wave += 1) {
      // As many as there are connections: others would only wait for one.
      const all = Array.from({ length: 8 }, (_, n) => (n < 3 ? rolledBack() : appendAudit(db, held(n), held(n))));
      const settled = await Promise.allSettled(all);
      expect(settled.map(({ status }) => status === 'rejected')).toEqual(all.map((_, n) => n < 3));
    }
    expect(await ids()).toEqual(Array.from({ length: 30 }, (_, n) => n + 1));
    expect(await verifyAuditLog(db)).toEqual(expect.not.objectContaining({ error: expect.anything() }));
  });

  it('throws what the work of a transaction throws, and translates the rest', async () => {
    const error = new Error('own');
    await expect(db.transaction(() => Promise.reject(error))).rejects.toBe(error);
    await expect(db.transaction((tx) => tx.$queryRaw`SELECT 1 / 0`)).rejects.toBeInstanceOf(DatabaseError);
  });
});

describe('the audit log', () => {
  it.each([
    "UPDATE audit_log SET actor = 'other'",
    'DELETE FROM audit_log',
    'TRUNCATE audit_log',
    'DELETE FROM audit_head',
    'TRUNCATE audit_head',
    'SELECT prune_audit_log(29)',
    'SELECT prune_audit_log(NULL)',
  ])('rejects %s, also of the owner of the tables', async (sql) => {
    await append(2);
    await expect(superuser.query(sql)).rejects.toMatchObject({ code: '42501' });
    expect(await verifyAuditLog(db)).toMatchObject({ entries: 2 });
  });
});

describe('verifyAuditLog', () => {
  const content = 'actor, actor_name, address, action, target, details, previous_hash, hash';
  it.each([
    ['a changed actor', ["UPDATE audit_log SET actor = 'other' WHERE id = 3"], 'entry 3 was changed'],
    ['a changed time', ["UPDATE audit_log SET at = at - interval '1 ms' WHERE id = 1"], 'entry 1 was changed'],
    [
      'a value moved to another column',
      ['UPDATE audit_log SET actor = actor_name, actor_name = actor WHERE id = 2'],
      'entry 2 was changed',
    ],
    ['a null instead of an empty text', ['UPDATE audit_log SET target = NULL WHERE id = 5'], 'entry 5 was changed'],
    ['a hash', ["UPDATE audit_log SET hash = sha256('x') WHERE id = 5"], 'entry 5 was changed'],
    ['a removed entry', ['DELETE FROM audit_log WHERE id = 2'], 'entry 2 is missing: the next one is 3'],
    ['a removed first entry', ['DELETE FROM audit_log WHERE id = 1'], 'entry 1 is missing: the next one is 2'],
    ['a removed last entry', ['DELETE FROM audit_log WHERE id > 3'], 'the log ends with entry 3, but 5 were written'],
    ['all entries removed', ['DELETE FROM audit_log'], 'the log ends with entry 0, but 5 were written'],
    [
      'two entries that changed places',
      [
        'UPDATE audit_log SET id = 0 WHERE id = 3',
        'UPDATE audit_log SET id = 3 WHERE id = 4',
        'UPDATE audit_log SET id = 4 WHERE id = 0',
      ],
      'entry 3 does not follow',
    ],
    [
      'an entry before the first',
      [`INSERT INTO audit_log (id, at, ${content}) SELECT 0, at, ${content} FROM audit_log WHERE id = 1`],
      'entry 0 is older than the start',
    ],
    [
      'an entry after the last',
      [`INSERT INTO audit_log (id, at, ${content}) SELECT 6, at, ${content} FROM audit_log WHERE id = 5`],
      'entry 6 is newer than the last one',
    ],
    ['no head', ['DELETE FROM audit_head'], 'the row of audit_head is missing'],
  ])('finds %s', async (_, statements, error) => {
    await append(5);
    await superuser.query('CREATE TEMPORARY TABLE IF NOT EXISTS head AS SELECT * FROM audit_head');
    await tamper(...statements);
    expect((await verifyAuditLog(db)).error).toContain(error);
    await tamper('INSERT INTO audit_head SELECT * FROM head ON CONFLICT DO NOTHING');
  });

  it('finds a log that was rewritten as a whole, if an earlier head is known', async () => {
    await append(3);
    const { head } = await verifyAuditLog(db);
    expect(head).toMatchObject({ id: 3n, hash: expect.stringMatching(/^[0-9a-f]{64}$/) });
    await append(1);
    expect((await verifyAuditLog(db, [head])).error).toBeUndefined();
    // All hashes are computed again over other content.
    const zeros = "decode(repeat('00', 32), 'hex')";
    await tamper('TRUNCATE audit_log', `UPDATE audit_head SET last_id = 0, last_hash = ${zeros}`);
    await append(2);
    expect((await verifyAuditLog(db)).error).toBeUndefined();
    expect((await verifyAuditLog(db, [head])).error).toContain('entry 3 was known');
    await append(1);
    expect((await verifyAuditLog(db, [head])).error).toContain('entry 3 is not the known one');
  });
});

describe('pruneAuditLog', () => {
  it('deletes old entries, leaves the hash of the last one as the start, and writes an entry', async () => {
    await append(4);
    expect(await pruneAuditLog(db, 30)).toBe(0);
    // Entries of 40 days ago, with the hashes that they would have.
    await superuser.query('ALTER TABLE audit_log DISABLE TRIGGER protect');
    await superuser.query("UPDATE audit_log SET at = at - interval '40 days' WHERE id <= 2");
    await superuser.query('ALTER TABLE audit_log ENABLE TRIGGER protect');
    expect(await pruneAuditLog(db, 41)).toBe(0);
    expect(await pruneAuditLog(db, 30)).toBe(2);
    expect(await ids()).toEqual([3, 4, 5]);
    const { anchor, entries, error } = await verifyAuditLog(db);
    expect({ entries, error, anchor: anchor.id }).toEqual({ entries: 3, error: undefined, anchor: 2n });
    expect(await db.auditEntry.findUniqueOrThrow({ where: { id: 5n } })).toMatchObject({
      ...{ actor: 'worker', action: 'audit.pruned', details: { entries: 2, through: 2, keep_days: 30 } },
    });
    await tamper('DELETE FROM audit_log WHERE id = 3');
    expect((await verifyAuditLog(db)).error).toContain('entry 3 is missing');
  });

  it('keeps the newest entry, so that the log has an end', async () => {
    await append(3);
    await tamper("UPDATE audit_log SET at = at - interval '400 days'");
    expect(await pruneAuditLog(db, 30)).toBe(2);
    expect(await ids()).toEqual([3, 4]);
  });
});
