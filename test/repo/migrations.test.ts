import { describe, expect, it } from 'vitest';
import { leastVersion, migrationNames, readMigration, versionAtLeast } from '#prisma/migration-files.ts';
import { previousRelease } from '../upgrade/previous-release.ts';
import { type Migration, migrationErrors } from './expand-contract.ts';

const BASE: Migration = { name: '1_base', sql: 'CREATE TABLE "alerts" (id BIGINT);' };

describe('the migrations since the previous release', async () => {
  const { version, migration } = await previousRelease();
  const names = await migrationNames();

  it('can be applied while the previous release runs', async () => {
    expect(names).toContain(migration);
    expect(migrationErrors(await Promise.all(names.map((name) => readMigration(name))), migration)).toEqual([]);
  });

  it('remove only what the previous release does not use', () => {
    for (const name of names.filter((each) => each > migration)) {
      expect(versionAtLeast(version, leastVersion(name)), name).toBe(true);
    }
  });
});

describe('a migration is rejected if it', () => {
  it.each([
    ['DROP TABLE alerts', 'removes'],
    ['DROP INDEX alerts_idx', 'removes'],
    ['ALTER TABLE "alerts" DROP COLUMN "camera"', 'removes'],
    ['ALTER TABLE alerts ADD COLUMN a TEXT, DROP camera', 'removes'],
    ['ALTER TABLE alerts RENAME COLUMN a TO b', 'renames'],
    ['ALTER TABLE alerts RENAME TO events', 'renames'],
    ["ALTER TYPE failure_code ADD VALUE 'x'", 'cannot read'],
    ['ALTER TABLE alerts ALTER COLUMN a TYPE BIGINT', 'changes a type'],
    ['ALTER TABLE alerts ALTER COLUMN a SET NOT NULL', 'may contain'],
    ['ALTER TABLE alerts ADD CONSTRAINT c CHECK (id > 0)', 'violate'],
    ['ALTER TABLE alerts ADD CONSTRAINT c FOREIGN KEY (id) REFERENCES b(id)', 'violate'],
    ['CREATE TRIGGER t BEFORE UPDATE ON alerts FOR EACH ROW EXECUTE FUNCTION f()', 'trigger'],
  ])('is not a contract step: %s', (sql, reason) => {
    const errors = (name: string) => migrationErrors([BASE, { name, sql }], BASE.name);
    expect(errors('2_test')).toEqual([expect.stringContaining(reason)]);
    expect(errors('2_contract_0_1_0_test')).toEqual([]);
  });

  it.each([
    ['ALTER TABLE "alerts" ADD COLUMN     "a" INTEGER NOT NULL', 'give it a default'],
    ['ALTER TABLE alerts ADD COLUMN a INT NOT NULL DEFAULT 0,\nADD COLUMN b INT NOT NULL', 'give it a default'],
    ['ALTER TABLE alerts ADD COLUMN a UUID NOT NULL DEFAULT gen_random_uuid()', 'rewrites'],
    ['CREATE INDEX "i" ON "alerts"("a")', 'CONCURRENTLY'],
    ['UPDATE alerts SET a = 1', 'in batches'],
    ['DO $$ BEGIN DELETE FROM alerts; END $$', 'cannot be checked'],
    ['CREATE INDEX CONCURRENTLY i ON alerts(a)', 'a file of its own'],
    ['-- no transaction\nCREATE INDEX CONCURRENTLY i ON alerts(a); SELECT 1', 'a file of its own'],
  ])('does %j', (sql, reason) => {
    expect(migrationErrors([BASE, { name: '2_contract_0_1_0_test', sql }], BASE.name)).toEqual([
      expect.stringContaining(reason),
    ]);
  });
});

describe('a migration is accepted if it', () => {
  it.each([
    'ALTER TABLE "alerts" ADD COLUMN "a" INTEGER, ADD COLUMN b NUMERIC(10, 2) NOT NULL DEFAULT 0',
    "ALTER TABLE alerts ADD COLUMN at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP, ADD c TEXT DEFAULT 'x'",
    'ALTER TABLE alerts SET (autovacuum_vacuum_scale_factor = 0.01)',
    '-- no transaction\nCREATE INDEX CONCURRENTLY "i" ON "alerts"("a")',
    'ALTER INDEX a RENAME TO b',
    `CREATE TABLE "holds" ("alert_id" BIGINT NOT NULL, CONSTRAINT "holds_pkey" PRIMARY KEY ("alert_id"));
     CREATE UNIQUE INDEX "i" ON "holds"("alert_id");
     CREATE FUNCTION f() RETURNS trigger AS $$ BEGIN DELETE FROM alerts; RETURN NULL; END $$ LANGUAGE plpgsql;
     CREATE TRIGGER t BEFORE UPDATE ON holds FOR EACH ROW EXECUTE FUNCTION f();
     ALTER TABLE "holds" ADD CONSTRAINT "fk" FOREIGN KEY ("alert_id") REFERENCES "alerts"("id") ON DELETE RESTRICT;`,
  ])('does %j', (sql) => {
    expect(migrationErrors([BASE, { name: '2_test', sql }], BASE.name)).toEqual([]);
  });
});
