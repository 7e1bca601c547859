import type { Database } from '#prisma/client.ts';
import { DatabaseUnavailable } from '#prisma/errors.ts';
import { assertReady } from '#prisma/readiness.ts';
import { type AlertQueue, checkQueue } from '#redis/queue.ts';
import type { CheckResults, Readiness } from './health.ts';

/** Returns the readiness of an api with this database and queue. */
export function createReadiness(deps: { db: Database; queue: AlertQueue; stopping: () => boolean }): Readiness {
  return {
    required: () => checkDatabase(deps.db),
    deferrable: async () => ({ queue: await checkQueue(deps.queue) }),
    stopping: deps.stopping,
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
