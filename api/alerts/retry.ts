import type { Logger } from 'pino';
import { type AlertKey, type FailedFilter, findFailed, retryFailed } from '#prisma/alerts.ts';
import type { Database } from '#prisma/client.ts';
import { QueueUnavailable } from '#redis/errors.ts';
import type { AlertQueue } from '#redis/queue.ts';

type Deps = { db: Database; queue: AlertQueue; log: Logger };

/** Retries one failed alert. False where it is not failed: then nothing changed. Throws DatabaseUnavailable. */
export async function retryAlert(deps: Deps, uuid: string): Promise<'queued' | 'deferred' | false> {
  const keys = await retryFailed(deps.db, [uuid]);
  if (keys.length === 0) return false;
  deps.log.info({ alert: uuid }, 'alert retried');
  return send(deps, keys);
}

export type BulkRetry = { matched: number; uuids: string[]; retried: number; dispatch: 'queued' | 'deferred' };

/**
 * Retries at most `max` failed alerts that match, their jobs spread over time at `perSecond`; a dry run only looks.
 * Asked twice it finds only what is still failed. Throws DatabaseUnavailable.
 */
export async function retryAlerts(
  deps: Deps,
  filter: FailedFilter,
  options: { max: number; perSecond: number; dryRun: boolean },
): Promise<BulkRetry> {
  const { matched, uuids } = await findFailed(deps.db, filter, options.max);
  if (options.dryRun) return { matched, uuids, retried: 0, dispatch: 'queued' };
  const keys = await retryFailed(deps.db, uuids);
  deps.log.info({ filter, ...options, matched, retried: keys.length }, 'alerts retried by filter');
  return { matched, uuids, retried: keys.length, dispatch: await send(deps, keys, options.perSecond) };
}

/** The rows are committed: a queue that is down defers their jobs. */
async function send(deps: Deps, keys: AlertKey[], perSecond?: number): Promise<'queued' | 'deferred'> {
  try {
    await deps.queue.enqueueAgain(keys, perSecond === undefined ? {} : { perSecond });
    return 'queued';
  } catch (error) {
    if (!(error instanceof QueueUnavailable)) throw error;
    deps.log.warn({ alerts: keys.length, err: error }, 'enqueue deferred: the queue does not answer');
    return 'deferred';
  }
}
