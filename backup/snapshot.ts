import pg from 'pg';
import type { BackupTable, Manifest } from './manifest.ts';

type Description = Pick<Manifest, 'migrations' | 'tables' | 'sequences' | 'secrets_keys'>;

/** Written at the end of a restore, from the manifest: until then, no service considers the database ready. */
const MIGRATIONS_TABLE = '_prisma_migrations';
/** Not compared: the position in the event feed means nothing in another server. */
const LOCAL_COLUMNS: Record<string, string[]> = { alerts: ['change_xid'] };

/**
 * Begins a transaction that sees one moment, and returns the name under which pg_dump sees the same. It writes nothing and
 * so has no transaction id, which would delay the event feed.
 */
export async function beginSnapshot(client: pg.Client): Promise<string> {
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  const { rows } = await client.query<{ id: string }>('SELECT pg_export_snapshot() AS id');
  return rows[0]?.id ?? '';
}

/** Returns what the database contains. Throws one sentence if it is not migrated. */
export async function describeDatabase(client: pg.Client): Promise<Description> {
  const migrations = await readMigrations(client);
  const tables: BackupTable[] = [];
  for (const table of await listTables(client)) tables.push({ ...table, ...(await fingerprintOf(client, table)) });
  const sequences = await client.query<{ name: string; value: string | null }>(
    "SELECT sequencename::text AS name, last_value::text AS value FROM pg_sequences WHERE schemaname = 'public' ORDER BY 1",
  );
  return { migrations, tables, sequences: sequences.rows, secrets_keys: await neededKeys(client) };
}

async function readMigrations(client: pg.Client): Promise<Manifest['migrations']> {
  const { rows } = await client.query<{ exists: boolean }>('SELECT to_regclass($1) IS NOT NULL AS exists', [
    `public.${MIGRATIONS_TABLE}`,
  ]);
  if (!rows[0]?.exists)
    throw new Error('this database has no migrations: DATABASE_URL must name the database of the alerts');
  const sql = `SELECT migration_name AS name, checksum, finished_at IS NOT NULL AS finished FROM public.${MIGRATIONS_TABLE}
    WHERE rolled_back_at IS NULL ORDER BY migration_name`;
  const migrations = (await client.query<{ name: string; checksum: string; finished: boolean }>(sql)).rows;
  const failed = migrations.find(({ finished }) => !finished);
  if (failed)
    throw new Error(`the migration ${failed.name} failed, or is running: run npm run migrate, then try again`);
  return migrations.map(({ name, checksum }) => ({ name, checksum }));
}

/** Returns the tables, each after those that its foreign keys refer to. */
async function listTables(client: pg.Client): Promise<{ name: string; columns: string[] }[]> {
  const tables = await client.query<{ name: string; columns: string[] }>(
    `SELECT relname::text AS name, array_agg(attname::text ORDER BY attnum) AS columns
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> $1 GROUP BY 1 ORDER BY 1`,
    [MIGRATIONS_TABLE],
  );
  const references = await client.query<{ child: string; parent: string }>(
    `SELECT child.relname::text AS child, parent.relname::text AS parent FROM pg_constraint
    JOIN pg_class child ON child.oid = conrelid JOIN pg_class parent ON parent.oid = confrelid
    WHERE contype = 'f' AND conrelid <> confrelid AND child.relnamespace = 'public'::regnamespace`,
  );
  const sorted = new Set<(typeof tables.rows)[number]>();
  const add = (table: (typeof tables.rows)[number]) => {
    const parents = references.rows.filter(({ child }) => child === table.name).map(({ parent }) => parent);
    for (const parent of tables.rows.filter(({ name }) => parents.includes(name))) if (!sorted.has(parent)) add(parent);
    sorted.add(table);
  };
  for (const table of tables.rows) add(table);
  return [...sorted];
}

/**
 * Returns the number of rows of a table and the sum of their hashes, which does not depend on their order. The connection
 * needs the settings of connection.ts.
 */
export async function fingerprintOf(
  client: pg.Client,
  { name, columns }: Pick<BackupTable, 'name' | 'columns'>,
): Promise<Pick<BackupTable, 'rows' | 'fingerprint'>> {
  const compared = columns.filter((column) => !LOCAL_COLUMNS[name]?.includes(column)).map(pg.escapeIdentifier);
  const { rows } = await client.query<{ rows: string; fingerprint: string }>(
    `SELECT count(*)::text AS rows, coalesce(sum(('x' || substr(hash, 1, 15))::bit(60)::bigint), 0)::text AS fingerprint
    FROM (SELECT md5(ROW(${compared.join(', ')})::text) AS hash FROM public.${pg.escapeIdentifier(name)}) hashed`,
  );
  return { rows: Number(rows[0]?.rows), fingerprint: rows[0]?.fingerprint ?? '' };
}

/** Returns the ids of the keys that sealed the secrets of destinations: bytes 2 to 9. See destinations/secret-box.ts. */
async function neededKeys(client: pg.Client): Promise<string[]> {
  const sql = `SELECT DISTINCT encode(substr(secrets, 2, 8), 'hex') AS key FROM public.destinations WHERE secrets IS NOT NULL ORDER BY 1`;
  const { rows } = await client.query<{ key: string }>(sql);
  return rows.map(({ key }) => key);
}
