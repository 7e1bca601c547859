import { z } from 'zod';

const instant = z.iso.datetime();

const runSchema = z
  .strictObject({
    succeeded_at: instant,
    name: z.string().meta({ description: 'The name of the backup.' }),
    duration_seconds: z.number(),
    overdue_at: instant.meta({
      description:
        'When the next one should have succeeded; the alerting rule BackupOld or RestoreDrillOld then fires.',
    }),
  })
  .meta({ id: 'BackupRun' });

/** The response to GET /backups. */
export const backupsSchema = z
  .strictObject({
    backup: runSchema.nullable().meta({ description: 'The last backup that succeeded. Null: none has.' }),
    restore_drill: runSchema.nullable().meta({ description: 'The last restore drill that succeeded. Null: none has.' }),
  })
  .meta({ id: 'Backups' });
