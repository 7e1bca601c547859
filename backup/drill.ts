import { withConnection } from './connection.ts';
import type { ProgramSearch } from './pg-programs.ts';
import type { BackupPlace } from './place.ts';
import { type RestoreReport, restoreBackup } from './restore.ts';

type DrillOptions = {
  /** An empty database that is deleted afterwards. */
  databaseUrl: string;
  place: BackupPlace;
  name?: string | undefined;
  search: ProgramSearch;
  secretsKey?: Buffer | undefined;
  print: (line: string) => void;
};

type DrillResult = RestoreReport & {
  rows: number;
  /** Alerts without a result or notification. */
  unfinished: number;
};

/**
 * Restores a backup and checks what services need. Every table was compared with the backup by its number of rows and by
 * the hashes of all its rows. Throws one sentence for the first difference.
 */
export async function drill(options: DrillOptions): Promise<DrillResult> {
  const report = await restoreBackup(options);
  const found = await withConnection(options.databaseUrl, async (client) => {
    const { rows } = await client.query<{ unfinished: string; processing: string; future: string }>(`
      SELECT count(*) FILTER (WHERE notified_at IS NULL) AS unfinished, count(*) FILTER (WHERE status = 'processing') AS processing,
        count(*) FILTER (WHERE change_xid >= pg_snapshot_xmin(pg_current_snapshot())) AS future FROM alerts`);
    return rows[0];
  });
  if (found?.processing !== '0') throw new Error(`${found?.processing} restored alerts still have a worker`);
  if (found.future !== '0') throw new Error(`${found.future} restored alerts would appear as new events`);
  const rows = report.manifest.tables.reduce((sum, table) => sum + table.rows, 0);
  return { ...report, rows, unfinished: Number(found.unfinished) };
}
