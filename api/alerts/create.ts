import type { Logger } from 'pino';
import { type Alert, addPending, type NewAlert } from '#prisma/alerts.ts';
import type { Database } from '#prisma/client.ts';
import type { AlertQueue } from '#redis/queue.ts';
import { type Dispatch, dispatch } from './dispatch.ts';

export type CreateResult =
  | { kind: 'created'; alert: Alert; dispatch: Dispatch }
  | { kind: 'duplicate'; alert: Alert }
  | { kind: 'conflict'; alert: Alert; fields: string[] };

const COMPARED = ['video', 'timestamp', 'store', 'camera', 'source'] as const;

/**
 * Stores the alert as pending, then enqueues its job. An alert whose uuid exists is a duplicate, or a conflict if other
 * fields differ. Throws DatabaseUnavailable.
 */
export async function createAlert(
  deps: { db: Database; queue: AlertQueue; log: Logger },
  alert: NewAlert,
): Promise<CreateResult> {
  const stored = await addPending(deps.db, alert);
  if (!stored.created) {
    const fields = COMPARED.filter((field) => stored.alert[field] !== (alert[field] ?? null));
    return fields.length === 0
      ? { kind: 'duplicate', alert: stored.alert }
      : { kind: 'conflict', alert: stored.alert, fields };
  }
  const { uuid, requestId, store, source, traceparent } = alert;
  const enqueue = () => deps.queue.enqueue({ uuid, requestId, store, source, traceparent });
  return { kind: 'created', alert: stored.alert, dispatch: await dispatch(deps.log, { alert: uuid }, enqueue) };
}
