import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import pg from 'pg';
import { createMigrationsTable } from '#prisma/migrate.ts';
import { readMigration } from '#prisma/migration-files.ts';
import type { BackupTable, Manifest } from './manifest.ts';
import { findPgProgram, type ProgramSearch, readDumpedTable } from './pg-programs.ts';
import { fingerprintOf } from './snapshot.ts';
import { loadTable, readTable } from './table-copy.ts';

type Print = (line: string) => void;
export type LoadOptions = { folder: string; manifest: Manifest; search: ProgramSearch; print: Print };

/**
 * Creates the tables as they were at the time of the backup, by its migrations, and fills them. The caller's transaction
 * makes it all or nothing. Throws one sentence if the rows are not exactly those of the backup.
 */
export async function loadBackup(client: pg.Client, options: LoadOptions): Promise<void> {
  const { manifest, print } = options;
  for (const { name } of manifest.migrations) {
    const { sql } = await readMigration(name);
    // Nobody else uses the table, and PostgreSQL refuses CONCURRENTLY in a transaction.
    await client.query(sql.replaceAll(/\bINDEX CONCURRENTLY\b/g, 'INDEX'));
  }
  const tables = await knownTables(client, manifest, print);
  const names = tables.map(({ name }) => `public.${pg.escapeIdentifier(name)}`);
  // Triggers would number the entries of the audit log again, and refuse to empty it.
  for (const name of names) await client.query(`ALTER TABLE ${name} DISABLE TRIGGER USER`);
  await client.query(`TRUNCATE ${names.join(', ')}`);
  const indexes = await dropIndexes(client);
  await client.query(RESET_POSITIONS);
  await fill(client, tables, options);
  await client.query('DROP FUNCTION public.restore_reset_position() CASCADE');
  print(`creating ${indexes.length} indexes`);
  for (const index of indexes) await client.query(index);
  for (const name of names) await client.query(`ALTER TABLE ${name} ENABLE TRIGGER USER`);
  await setSequences(client, manifest);
  await verify(client, tables);
}

/** Records the migrations. From the end of this transaction on, services consider the database ready. */
export async function recordMigrations(client: pg.Client, { migrations }: Manifest): Promise<void> {
  await createMigrationsTable(client);
  const insert = `INSERT INTO public._prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count)
    VALUES ($1, $2, $3, now(), 1)`;
  for (const { name, checksum } of migrations) await client.query(insert, [randomUUID(), checksum, name]);
}

// The position of a row in the event feed is a transaction id of the old server: here it could be in the future, and the row
// would appear as an event when the counter has passed it. 1 is before every transaction. A trigger, because an UPDATE of
// all rows would write the table twice.
const RESET_POSITIONS = `
  CREATE FUNCTION public.restore_reset_position() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN NEW.change_xid := ''1''; RETURN NEW; END';
  CREATE TRIGGER restore_reset_position BEFORE INSERT ON public.alerts
    FOR EACH ROW EXECUTE FUNCTION public.restore_reset_position()`;

async function knownTables(client: pg.Client, { tables }: Manifest, print: Print): Promise<BackupTable[]> {
  const { rows } = await client.query<{ name: string }>(
    "SELECT relname::text AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'",
  );
  const known = tables.filter((table) => rows.some(({ name }) => name === table.name));
  const others = tables.filter((table) => !known.includes(table)).map(({ name }) => name);
  if (others.length > 0) print(`warning: not restored, because no migration creates them: ${others.join(', ')}`);
  return known;
}

/** Drops the indexes that are not part of a constraint, and returns the statements that create them. */
async function dropIndexes(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string; definition: string }>(
    `SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition
    FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE relnamespace = 'public'::regnamespace
      AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)`,
  );
  if (rows.length > 0) await client.query(`DROP INDEX ${rows.map(({ name }) => name).join(', ')}`);
  return rows.map(({ definition }) => definition);
}

async function fill(
  client: pg.Client,
  tables: BackupTable[],
  { folder, manifest, search, print }: LoadOptions,
): Promise<void> {
  const program =
    manifest.format === 'pg_dump' ? await findPgProgram('pg_restore', manifest.pg_dump ?? 0, search) : undefined;
  for (const table of tables) {
    const started = performance.now();
    const dumped = program && readDumpedTable(program, join(folder, 'database.dump'), table.name);
    await loadTable(client, table, dumped ?? readTable(folder, table));
    if (table.rows > 0)
      print(`  ${table.name}: ${table.rows} rows, ${((performance.now() - started) / 1_000).toFixed(1)} s`);
  }
}

async function setSequences(client: pg.Client, { sequences }: Manifest): Promise<void> {
  const sql =
    "SELECT setval(format('public.%I', $1::text)::regclass, $2::bigint) WHERE to_regclass(format('public.%I', $1::text)) IS NOT NULL";
  for (const { name, value } of sequences) if (value !== null) await client.query(sql, [name, value]);
}

async function verify(client: pg.Client, tables: BackupTable[]): Promise<void> {
  for (const table of tables) {
    const found = await fingerprintOf(client, table);
    if (found.rows !== table.rows) throw new Error(`${table.name} has ${found.rows} rows instead of ${table.rows}`);
    if (found.fingerprint !== table.fingerprint)
      throw new Error(`${table.name} has other contents than at the time of the backup`);
  }
}
