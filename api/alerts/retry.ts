import type { Logger } from 'pino';
import { type FailedFilter, findFailed, type RetryOptions, retryFailed } from '#prisma/alerts.ts';
import { type AuditActor, appendAudit } from '#prisma/audit.ts';
import type { Database } from '#prisma/client.ts';
import { QueueUnavailable } from '#redis/errors.ts';
import type { AlertQueue } from '#redis/queue.ts';
import type { Backpressure } from './backpressure.ts';
import { type Dispatch, dispatch } from './dispatch.ts';

type Deps = { db: Database; queue: AlertQueue; log: Logger; actor: AuditActor };

/**
 * Retries one failed alert. Returns false, and changes nothing, if it has not failed or the options exclude it.
 * Throws DatabaseUnavailable.
 */
export async function retryAlert(
  { db, queue, log, actor }: Deps,
  uuid: string,
  options: RetryOptions,
): Promise<Dispatch | false> {
  const keys = await db.transaction(async (tx) => {
    const retried = await retryFailed(tx, [uuid], options);
    if (retried.length > 0) await appendAudit(tx, { actor, action: 'alert.retried', target: uuid });
    return retried;
  });
  if (keys.length === 0) return false;
  log.info({ alert: uuid }, 'alert retried');
  return dispatch(log, { alert: uuid }, () => queue.enqueueAgain(keys));
}

export type BulkRetry = { matched: number; uuids: string[]; retried: number; dispatch: Dispatch };

/**
 * Retries at most `max` failed alerts that match the filter. Their jobs are spread over time: `perSecond` of them start
 * each second. A dry run changes nothing. Throws DatabaseUnavailable.
 */
export async function retryAlerts(
  { db, queue, log, backpressure, actor }: Deps & { backpressure: Backpressure },
  filter: FailedFilter,
  options: { max: number; perSecond: number; dryRun: boolean },
): Promise<BulkRetry> {
  const { matched, uuids } = await findFailed(db, filter, options.max);
  if (options.dryRun) return { matched, uuids, retried: 0, dispatch: 'queued' };
  const keys = await db.transaction(async (tx) => {
    const retried = await retryFailed(tx, uuids, { perSecond: options.perSecond });
    const details = { filter: toJson(filter), max: options.max, matched, retried: retried.length };
    await appendAudit(tx, { actor, action: 'alerts.retried', details });
    return retried;
  });
  log.info({ filter, ...options, matched, retried: keys.length }, 'alerts retried by filter');
  const enqueue = async () => {
    const capacity = await backpressure.backgroundCapacity();
    await queue.enqueueAgain(keys.slice(0, capacity));
    // The reconciler enqueues the others once there is capacity.
    if (keys.length > capacity)
      throw new QueueUnavailable(new Error(`capacity for ${capacity} of ${keys.length} jobs`));
  };
  return { matched, uuids, retried: keys.length, dispatch: await dispatch(log, { alerts: keys.length }, enqueue) };
}

/** Returns the filter with its times as texts, and without fields that are undefined. */
function toJson(filter: FailedFilter) {
  return JSON.parse(JSON.stringify(filter));
}
