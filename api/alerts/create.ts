import type { Logger } from 'pino';
import { type Alert, addPending, type NewAlert } from '#prisma/alerts.ts';
import type { Database } from '#prisma/client.ts';
import { QueueUnavailable } from '#redis/errors.ts';
import type { AlertQueue } from '#redis/queue.ts';

export type Accepted =
  | { kind: 'created'; alert: Alert; dispatch: 'queued' | 'deferred' }
  | { kind: 'duplicate'; alert: Alert }
  | { kind: 'conflict'; alert: Alert; fields: string[] };

/**
 * Stores the alert as pending, then enqueues its job. Once the row is committed nothing here may fail the request:
 * a queue that is down means `deferred`, and the worker's reconciler sends the job later. Throws DatabaseUnavailable.
 */
export async function createAlert(
  deps: { db: Database; queue: AlertQueue; log: Logger },
  alert: NewAlert,
): Promise<Accepted> {
  const stored = await addPending(deps.db, alert);
  if (!stored.created) {
    const fields = (['video', 'timestamp', 'store'] as const).filter((field) => stored.alert[field] !== alert[field]);
    return fields.length === 0
      ? { kind: 'duplicate', alert: stored.alert }
      : { kind: 'conflict', alert: stored.alert, fields };
  }
  return { kind: 'created', alert: stored.alert, dispatch: await dispatch(deps, alert) };
}

async function dispatch(
  deps: { queue: AlertQueue; log: Logger },
  { uuid, requestId, store, traceparent }: NewAlert,
): Promise<'queued' | 'deferred'> {
  try {
    await deps.queue.enqueue({ uuid, requestId, store, traceparent });
    return 'queued';
  } catch (error) {
    if (!(error instanceof QueueUnavailable)) throw error;
    deps.log.warn({ alert: uuid, err: error }, 'enqueue deferred: the queue does not answer');
    return 'deferred';
  }
}
