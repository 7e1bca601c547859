import { Gauge, type Registry } from '@prometheus-io/client';
import { lastBackupRuns } from '#prisma/backup-runs.ts';
import type { Database } from '#prisma/client.ts';
import { cached, EVERY_REPLICA } from './system-gauges.ts';

/** Registers when the last backup and the last restore drill succeeded. They are absent if none has, or without database. */
export function registerBackupGauges(registry: Registry, db: Database): void {
  const runs = cached(() => lastBackupRuns(db));
  const gauges = [
    ['backup', 'backup_last_success_timestamp_seconds', 'When the last backup was completed.'],
    [
      'restore_drill',
      'restore_drill_last_success_timestamp_seconds',
      'When the last restore drill found no difference.',
    ],
  ] as const;
  for (const [kind, name, help] of gauges) {
    new Gauge({
      name,
      help: `${help} ${EVERY_REPLICA}`,
      registers: [registry],
      async collect() {
        const run = (await runs())?.find((each) => each.kind === kind);
        if (run === undefined) this.remove();
        else this.set(run.succeededAt.getTime() / 1_000);
      },
    });
  }
}
