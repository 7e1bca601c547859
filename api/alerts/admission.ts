import type { Request } from 'express';
import { traceparent } from '#observability/tracing.ts';
import { findAlert } from '#prisma/alerts.ts';
import type { Database } from '#prisma/client.ts';
import type { AlertQueue } from '#redis/queue.ts';
import { reaches } from '../auth/caller.ts';
import { Problem } from '../http/problem.ts';
import type { ApiMetrics, Received } from '../operations/metrics.ts';
import type { Backpressure } from './backpressure.ts';
import { type Accepted, createAlert } from './create.ts';
import type { NewAlertBody } from './schema.ts';

export type Admitted = Exclude<Accepted, { kind: 'conflict' }>;

/** Accepts an alert of a caller; throws the Problem of a store that is not the caller's, of a uuid in use, and of a full queue. */
export async function admitAlert(
  deps: { db: Database; queue: AlertQueue; room: Backpressure; metrics: ApiMetrics },
  req: Pick<Request, 'caller' | 'id' | 'log'>,
  alert: NewAlertBody,
): Promise<Admitted> {
  if (!reaches(req.caller, alert.store)) {
    throw new Problem('forbidden', `The key ${req.caller.id} may not post alerts of this store.`);
  }
  if (await deps.room.isFull()) {
    // What was accepted before is answered as ever.
    const known = await findAlert(deps.db, alert.uuid);
    if (!known) throw new Problem('queue-full', 'Too many alerts wait already.', { headers: { 'Retry-After': '10' } });
  }
  const accepted = await createAlert(
    { ...deps, log: req.log },
    { ...alert, requestId: req.id, traceparent: traceparent() },
  );
  if (accepted.kind === 'created' && accepted.dispatch === 'queued') deps.room.added();
  const result: Received = accepted.kind === 'created' && accepted.dispatch === 'deferred' ? 'deferred' : accepted.kind;
  deps.metrics.received.inc({ result });
  if (accepted.kind !== 'conflict') return accepted;
  // Of another store's alert no more is told than that it is one.
  const fields = reaches(req.caller, accepted.alert.store) ? accepted.fields : ['store'];
  throw new Problem('alert-conflict', `An alert with this uuid has another ${fields.join(', ')}.`, {
    extra: { fields, existing: `/alerts/${alert.uuid}` },
  });
}
