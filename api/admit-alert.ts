import type { Request } from 'express';
import type { Database } from '#prisma/client.ts';
import type { AlertQueue } from '#redis/queue.ts';
import { type Accepted, acceptAlert } from './accept-alert.ts';
import type { NewAlertBody } from './alert-schema.ts';
import { reaches } from './caller.ts';
import { Problem } from './problem.ts';

export type Admitted = Exclude<Accepted, { kind: 'conflict' }>;

/** Accepts an alert of a caller; throws the Problem of a store that is not the caller's, and of a uuid in use. */
export async function admitAlert(
  deps: { db: Database; queue: AlertQueue },
  req: Pick<Request, 'caller' | 'id' | 'log'>,
  alert: NewAlertBody,
): Promise<Admitted> {
  if (!reaches(req.caller, alert.store)) {
    throw new Problem('forbidden', `The key ${req.caller.id} may not post alerts of this store.`);
  }
  const accepted = await acceptAlert({ ...deps, log: req.log }, { ...alert, requestId: req.id });
  if (accepted.kind !== 'conflict') return accepted;
  throw new Problem('alert-conflict', `An alert with this uuid has another ${accepted.fields.join(', ')}.`, {
    extra: { fields: accepted.fields, existing: `/alerts/${alert.uuid}` },
  });
}
