import type { Database } from './client.ts';
import type { BackupRun } from './generated/client.ts';

export type { BackupRun };

/** Returns the last success of each kind: `backup`, `restore_drill`. */
export function lastBackupRuns(db: Database): Promise<BackupRun[]> {
  return db.backupRun.findMany();
}
