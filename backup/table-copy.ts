import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { writeCompressed } from './files.ts';
import type { BackupFile, BackupTable } from './manifest.ts';

type Columns = Pick<BackupTable, 'name' | 'columns'>;

const fileOf = (table: Columns) => `${table.name}.copy.gz`;

function copyTarget({ name, columns }: Columns): string {
  return `public.${pg.escapeIdentifier(name)} (${columns.map(pg.escapeIdentifier).join(', ')})`;
}

/** Writes the rows of a table into a file of the folder, in the text format of COPY. */
export function dumpTable(client: pg.Client, folder: string, table: Columns): Promise<BackupFile> {
  return writeCompressed(folder, fileOf(table), client.query(copyTo(`COPY ${copyTarget(table)} TO STDOUT`)));
}

/** Returns the rows that `dumpTable` has written. */
export function readTable(folder: string, table: Columns): Readable {
  const file = createReadStream(join(folder, fileOf(table)));
  const rows = createGunzip();
  file.on('error', (error) => rows.destroy(error));
  return file.pipe(rows);
}

/** Inserts rows in the text format of COPY. */
export async function loadTable(client: pg.Client, table: Columns, rows: AsyncIterable<Buffer>): Promise<void> {
  await pipeline(
    Readable.from(rows, { objectMode: false }),
    client.query(copyFrom(`COPY ${copyTarget(table)} FROM STDIN`)),
  );
}
