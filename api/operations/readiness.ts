import { checkDisks, type Disk, databaseDisk } from '#observability/disks.ts';
import type { Database } from '#prisma/client.ts';
import { DatabaseUnavailable } from '#prisma/errors.ts';
import { assertReady } from '#prisma/readiness.ts';
import type { Replica } from '#prisma/replica.ts';
import { type AlertQueue, checkQueue } from '#redis/queue.ts';
import type { CheckResults, Readiness } from './health.ts';

/** `disks`: those without which alerts are accepted. */
type Deps = {
  db: Database;
  queue: AlertQueue;
  disks?: Disk[];
  replica?: Pick<Replica, 'status'> | undefined;
  stopping: () => boolean;
};

/** Returns the readiness of an api with this database and queue. */
export function createReadiness({ db, queue, disks = [], replica, stopping }: Deps): Readiness {
  return {
    required: async () => ({ ...(await checkDatabase(db)), ...(await checkDisks([databaseDisk(db)])) }),
    deferrable: async () => ({
      queue: await checkQueue(queue),
      ...(replica && { replica: replica.status().problem }),
      ...(await checkDisks(disks)),
    }),
    stopping,
  };
}

/** Checks the database and its migrations by one query. */
async function checkDatabase(db: Database): Promise<CheckResults> {
  try {
    await assertReady(db);
    return { database: undefined, migrations: undefined };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const unavailable = error instanceof DatabaseUnavailable;
    return { database: unavailable ? message : undefined, migrations: unavailable ? undefined : message };
  }
}
