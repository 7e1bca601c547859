import type pg from 'pg';
import { MIGRATION_LOCK } from '#prisma/migrate.ts';

/** If one of these has rows, the database is in use. Migrations insert rows into others. */
const TABLES_IN_USE = ['alerts', 'api_keys', 'destinations', 'audit_log'];

/** Throws one sentence if another program uses the database: the services must not see half of a restore. */
export async function assertUnused(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ program: string; address: string }>(
    `SELECT coalesce(nullif(application_name, ''), 'a program') AS program, coalesce(host(client_addr), 'this machine') AS address
    FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`,
  );
  const [first] = rows;
  if (!first) return;
  const more = rows.length > 1 ? ` and ${rows.length - 1} more` : '';
  throw new Error(
    `the database is in use (${first.program} from ${first.address}${more}): stop api, worker and every other program that uses it, then restore`,
  );
}

/** Throws one sentence if the database has data. Deletes the empty tables of a database that was only migrated. */
export async function clearEmptyDatabase(client: pg.Client): Promise<void> {
  const lock = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS locked', [
    MIGRATION_LOCK,
  ]);
  if (!lock.rows[0]?.locked)
    throw new Error('another program migrates or restores this database: wait until it has ended');
  const { rows } = await client.query<{ name: string }>(
    "SELECT relname::text AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')",
  );
  const names = rows.map(({ name }) => name);
  if (names.length > 0 && !names.includes('_prisma_migrations')) {
    throw new Error(
      `the database has tables of another program (${names.slice(0, 3).join(', ')}): create an empty database, and restore into that`,
    );
  }
  for (const name of TABLES_IN_USE.filter((each) => names.includes(each))) {
    const found = await client.query(`SELECT FROM public.${name} LIMIT 1`);
    if (found.rowCount) {
      throw new Error(
        `the database is not empty: ${name} has rows. Create another database, restore into that, and change DATABASE_URL; or delete this one first`,
      );
    }
  }
  for (const statement of await dropStatements(client)) await client.query(statement);
}

async function dropStatements(client: pg.Client): Promise<string[]> {
  const own = (catalogue: string) =>
    `NOT EXISTS (SELECT FROM pg_depend WHERE classid = '${catalogue}'::regclass AND objid = ${catalogue}.oid AND deptype = 'e')`;
  const { rows } = await client.query<{ statement: string }>(`
    SELECT format('DROP TABLE %s CASCADE', oid::regclass) AS statement FROM pg_class
      WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND ${own('pg_class')}
    UNION ALL SELECT format('DROP ROUTINE %s CASCADE', oid::regprocedure) FROM pg_proc
      WHERE pronamespace = 'public'::regnamespace AND ${own('pg_proc')}
    UNION ALL SELECT format('DROP TYPE %s CASCADE', oid::regtype) FROM pg_type
      WHERE typnamespace = 'public'::regnamespace AND typtype IN ('e', 'd') AND ${own('pg_type')}`);
  return rows.map(({ statement }) => statement);
}
