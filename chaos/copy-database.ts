import pg from 'pg';

/** Rows per statement: a few MB. */
const BATCH_SIZE = 5_000;

type Table = { name: string; columns: string };

/** Connects as a superuser for one task. `onError` receives the loss of the connection, which also rejects its query. */
export async function withClient<T>(url: string, run: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  try {
    await client.connect();
    return await run(client);
  } finally {
    await client.end();
  }
}

/**
 * Copies all rows of a database into another one with the same tables, as pg_dump and pg_restore do. No trigger sees the
 * copied rows.
 */
export async function copyDatabase(fromUrl: string, toUrl: string): Promise<void> {
  await withClient(fromUrl, (from) =>
    withClient(toUrl, async (to) => {
      await from.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      await to.query('BEGIN');
      await to.query('SET LOCAL session_replication_role = replica'); // triggers and foreign keys
      const tables = await readTables(from);
      await to.query(`TRUNCATE ${tables.map(({ name }) => name).join(', ')}`);
      for (const table of tables) await copyTable(table, from, to);
      await copySequences(from, to);
      await to.query('COMMIT');
    }),
  );
}

async function readTables(client: pg.Client): Promise<Table[]> {
  const { rows } = await client.query<Table>(`
    SELECT c.oid::regclass::text AS name, string_agg(quote_ident(attname), ', ' ORDER BY attnum) AS columns
    FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace JOIN pg_attribute ON attrelid = c.oid
    WHERE nspname IN ('public', 'bullmq', 'chaos') AND relkind = 'r' AND attnum > 0 AND NOT attisdropped
      AND attgenerated = ''
    GROUP BY c.oid`);
  return rows;
}

async function copyTable({ name, columns }: Table, from: pg.Client, to: pg.Client): Promise<void> {
  const { rows } = await from.query<{ row: string }>(`SELECT row_to_json(t)::text AS row FROM ${name} AS t`);
  for (let first = 0; first < rows.length; first += BATCH_SIZE) {
    const batch = rows.slice(first, first + BATCH_SIZE).map(({ row }) => row);
    await to.query(
      `INSERT INTO ${name} (${columns}) OVERRIDING SYSTEM VALUE
       SELECT ${columns} FROM json_populate_recordset(NULL::${name}, $1)`,
      [`[${batch.join(',')}]`],
    );
  }
}

async function copySequences(from: pg.Client, to: pg.Client): Promise<void> {
  const { rows } = await from.query<{ name: string; value: string }>(`
    SELECT format('%I.%I', schemaname, sequencename) AS name, last_value::text AS value FROM pg_sequences
    WHERE schemaname IN ('public', 'bullmq', 'chaos') AND last_value IS NOT NULL`);
  for (const { name, value } of rows) {
    await to.query('SELECT setval(oid, $2) FROM (SELECT to_regclass($1) AS oid) AS s WHERE oid IS NOT NULL', [
      name,
      value,
    ]);
  }
}
