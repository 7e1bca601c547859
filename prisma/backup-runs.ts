import type { Database } from './client.ts';

/** A kind of run, and when it last succeeded. */
type BackupRun = { kind: string; succeededAt: Date };

/** Returns the last success of each kind: `backup`, `restore_drill`. */
export function lastBackupRuns(db: Database): Promise<BackupRun[]> {
  return db.backupRun.findMany({ select: { kind: true, succeededAt: true } });
}
