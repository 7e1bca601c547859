import type pg from 'pg';
import { withConnection as openConnection } from '#prisma/connection.ts';

/** Fingerprints are of the rows as text, which these settings determine. */
const SETTINGS = [
  ...["SET timezone = 'UTC'", "SET datestyle = 'ISO'", "SET intervalstyle = 'postgres'", "SET bytea_output = 'hex'"],
  // The snapshot's transaction is idle while pg_dump runs.
  ...['SET extra_float_digits = 1', 'SET statement_timeout = 0', 'SET idle_in_transaction_session_timeout = 0'],
  "SET lock_timeout = '1min'",
];

/** Runs the work with a connection that has these settings. Throws one sentence, without the password, if there is none. */
export function withConnection<Result>(url: string, work: (client: pg.Client) => Promise<Result>): Promise<Result> {
  return openConnection(url, { application_name: 'backup' }, async (client) => {
    await client.query(SETTINGS.join('; '));
    return work(client);
  });
}

/** Runs the work in a transaction. */
export async function inTransaction<Result>(client: pg.Client, work: () => Promise<Result>): Promise<Result> {
  await client.query('BEGIN');
  try {
    const result = await work();
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {}); // the connection is lost, or the error below is the reason
    throw error;
  }
}

/** Returns the major version of the server. */
export async function serverVersion(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ number: string }>("SELECT current_setting('server_version_num') AS number");
  return Math.floor(Number(rows[0]?.number) / 10_000);
}
