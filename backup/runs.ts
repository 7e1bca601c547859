import { withConnection } from './connection.ts';

/** Records a success, from which the api's metrics follow. */
export async function recordRun(
  databaseUrl: string,
  run: { kind: 'backup' | 'restore_drill'; name: string; seconds: number },
): Promise<void> {
  await withConnection(databaseUrl, (client) =>
    client.query(
      `INSERT INTO public.backup_runs (kind, succeeded_at, name, seconds) VALUES ($1, now(), $2, $3)
      ON CONFLICT (kind) DO UPDATE SET succeeded_at = excluded.succeeded_at, name = excluded.name, seconds = excluded.seconds`,
      [run.kind, run.name, run.seconds],
    ),
  );
}
