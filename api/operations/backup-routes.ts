import { type RequestHandler, Router } from 'express';
import type { z } from 'zod';
import { type BackupRun, lastBackupRuns } from '#prisma/backup-runs.ts';
import type { Database } from '#prisma/client.ts';
import { requireManage } from '../auth/client.ts';
import { allow } from '../http/problem.ts';
import type { backupsSchema } from './backup-schema.ts';

const HOUR_MS = 3_600_000;
/** The limits of the alerting rules BackupOld and RestoreDrillOld: a night, and a week, with some reserve. */
const OVERDUE_AFTER_MS = { backup: 26 * HOUR_MS, restore_drill: 8 * 24 * HOUR_MS };

/** GET /backups. */
export function backupRoutes({ db }: { db: Database }): Router {
  const router = Router();
  router.route('/backups').get(requireManage, getBackups(db)).all(allow('GET'));
  return router;
}

function getBackups(db: Database): RequestHandler {
  return async (_req, res) => {
    res.set('Cache-Control', 'private, no-cache').json(presentBackups(await lastBackupRuns(db)));
  };
}

/** Returns the last success of each kind of run as responses show it. */
export function presentBackups(runs: BackupRun[]): z.input<typeof backupsSchema> {
  const last = (kind: keyof typeof OVERDUE_AFTER_MS) => {
    const run = runs.find((each) => each.kind === kind);
    if (run === undefined) return null;
    const { succeededAt, name, seconds } = run;
    const overdueAt = new Date(succeededAt.getTime() + OVERDUE_AFTER_MS[kind]);
    return {
      succeeded_at: succeededAt.toISOString(),
      name,
      duration_seconds: seconds,
      overdue_at: overdueAt.toISOString(),
    };
  };
  return { backup: last('backup'), restore_drill: last('restore_drill') };
}
