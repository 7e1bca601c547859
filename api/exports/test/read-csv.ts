import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';

export type CsvRow = Record<string, string | null>;

/** Returns the rows of a CSV file as PostgreSQL's COPY reads them: an empty cell without quotes is null. Throws its error. */
export async function readCsv(client: pg.Client, text: string): Promise<CsvRow[]> {
  const names = (text.split('\r\n', 1)[0] ?? '').split(',');
  const table = pg.escapeIdentifier(`csv_${randomUUID()}`);
  const columns = names.map((name) => `${pg.escapeIdentifier(name)} text`);
  await client.query(`CREATE TEMP TABLE ${table} (n serial, ${columns.join(', ')})`);
  const listed = names.map((name) => pg.escapeIdentifier(name)).join(', ');
  const copy = client.query(copyFrom(`COPY ${table} (${listed}) FROM STDIN (FORMAT csv, HEADER MATCH, NULL '')`));
  await pipeline(Readable.from([text]), copy);
  const { rows } = await client.query<CsvRow>(`SELECT ${listed} FROM ${table} ORDER BY n`);
  return rows;
}
