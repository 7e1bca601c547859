import { appendEntry } from './audit.ts';
import { inTransaction, withConnection } from './connection.ts';

/** Records a success, from which the api's metrics follow. With `details`, the audit log has a new backup with them. */
export async function recordRun(
  databaseUrl: string,
  run: { kind: 'backup' | 'restore_drill'; name: string; seconds: number; details?: Record<string, unknown> },
): Promise<void> {
  const { details } = run;
  await withConnection(databaseUrl, (client) =>
    inTransaction(client, async () => {
      await client.query(
        `INSERT INTO public.backup_runs (kind, succeeded_at, name, seconds) VALUES ($1, now(), $2, $3)
      ON CONFLICT (kind) DO UPDATE SET succeeded_at = excluded.succeeded_at, name = excluded.name, seconds = excluded.seconds`,
        [run.kind, run.name, run.seconds],
      );
      if (details) await appendEntry(client, { action: 'backup.created', target: run.name, details });
    }),
  );
}
