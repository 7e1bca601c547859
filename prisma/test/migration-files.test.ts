import { describe, expect, it } from 'vitest';
import { type MigrationFile, migrationNames, readMigration } from '../migration-files.ts';

/** Until then, migrations ran before the first deployment with data. */
const SINCE = '20261126170000';

/** Returns what makes the migration block writes to `alerts` for as long as an index takes. */
function blockingIndex({ sql, noTransaction }: Pick<MigrationFile, 'sql' | 'noTransaction'>): string | undefined {
  const statement = /\b(CREATE (UNIQUE )?|DROP |RE)INDEX\b(?! CONCURRENTLY\b)[^;]*?("?\balerts\b|"?alerts_)[^;]*/i.exec(
    sql,
  );
  if (statement) return statement[0];
  return /\bINDEX CONCURRENTLY\b/i.test(sql) && !noTransaction ? 'CONCURRENTLY in a transaction' : undefined;
}

describe('a migration', () => {
  it('builds and drops indexes on alerts concurrently', async () => {
    const names = (await migrationNames()).filter((name) => name >= SINCE);
    const files = await Promise.all(names.map((name) => readMigration(name)));
    expect(files.flatMap((file) => (blockingIndex(file) ? [[file.name, blockingIndex(file)]] : []))).toEqual([]);
  });

  it.each([
    ['CREATE INDEX "alerts_store_idx" ON "alerts"("store")', false],
    ['CREATE UNIQUE INDEX a ON alerts (b)', false],
    ['DROP INDEX "alerts_failed_idx"', false],
    ['REINDEX TABLE alerts', false],
    ['CREATE INDEX CONCURRENTLY a ON alerts (b)', false],
    ['CREATE INDEX CONCURRENTLY "a" ON "alerts"("b")', true],
    ['DROP INDEX CONCURRENTLY "alerts_failed_idx"', true],
    ['CREATE UNIQUE INDEX "sessions_key" ON "sessions"("key")', true],
  ])('%s is recognized', (sql, accepted) => {
    const noTransaction = accepted;
    expect(blockingIndex({ sql, noTransaction }) === undefined).toBe(accepted);
  });
});
