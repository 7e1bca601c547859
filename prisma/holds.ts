import { type AuditActor, appendAudit } from './audit.ts';
import type { Database } from './client.ts';
import { type Deletion, deleteAlert } from './delete-alerts.ts';
import type { AlertStatus } from './generated/enums.ts';

/** Who sends the request, and which stores they may access; undefined: all. */
export type Requester = { actor: AuditActor; stores: readonly string[] | undefined };

/**
 * Holds the alert, or changes the reason of its hold. It cannot be deleted from then on. Of a hold and a deletion at the same
 * time exactly one succeeds. Unknown: it does not exist, or its store is none of `stores`.
 */
export async function placeHold(
  db: Database,
  uuid: string,
  reason: string,
  { actor, stores }: Requester,
): Promise<'placed' | 'changed' | 'unchanged' | 'unknown'> {
  return db.transaction(async (tx) => {
    const [alert] = await tx.$queryRaw<{ id: bigint }[]>`
      SELECT id FROM alerts WHERE uuid = ${uuid}::uuid
        AND (${stores ?? null}::text[] IS NULL OR store = ANY (${stores ?? null}::text[])) FOR UPDATE`;
    if (!alert) return 'unknown';
    const before = await tx.hold.findUnique({ where: { alertId: alert.id } });
    if (before?.reason === reason) return 'unchanged';
    if (before) {
      await tx.hold.update({ where: { alertId: alert.id }, data: { reason } });
    } else {
      const createdBy = { createdBy: actor.id, createdByName: actor.name ?? actor.id };
      await tx.hold.create({ data: { alertId: alert.id, reason, ...createdBy } });
    }
    const details = { reason, ...(before && { previous_reason: before.reason }) };
    await appendAudit(tx, { actor, action: before ? 'hold.changed' : 'hold.placed', target: uuid, details });
    return before ? 'changed' : 'placed';
  });
}

/** Ends the hold of the alert. Returns false if it is not held, does not exist, or its store is none of `stores`. */
export async function releaseHold(db: Database, uuid: string, { actor, stores }: Requester): Promise<boolean> {
  return db.transaction(async (tx) => {
    const [hold] = await tx.$queryRaw<{ reason: string; createdBy: string; createdAt: Date }[]>`
      DELETE FROM holds USING alerts WHERE alerts.id = alert_id AND uuid = ${uuid}::uuid
        AND (${stores ?? null}::text[] IS NULL OR store = ANY (${stores ?? null}::text[]))
      RETURNING reason, created_by AS "createdBy", holds.created_at AS "createdAt"`;
    if (!hold) return false;
    const details = { reason: hold.reason, held_by: hold.createdBy, held_at: hold.createdAt.toISOString() };
    await appendAudit(tx, { actor, action: 'hold.released', target: uuid, details });
    return true;
  });
}

/** Deletes an alert as `deleteAlert` does, and records its store, video and status in the audit log. */
export async function deleteAudited(db: Database, uuid: string, { actor, stores }: Requester): Promise<Deletion> {
  return db.transaction(async (tx) => {
    const [alert] = await tx.$queryRaw<{ store: string; video: string; status: AlertStatus; receivedAt: Date }[]>`
      SELECT store, video, status, received_at AS "receivedAt" FROM alerts WHERE uuid = ${uuid}::uuid`;
    const deletion = await deleteAlert(tx, uuid, stores);
    if (deletion.kind === 'deleted' && alert) {
      const { receivedAt, ...details } = alert;
      const entry = { actor, action: 'alert.deleted', target: uuid } as const;
      await appendAudit(tx, { ...entry, details: { ...details, received_at: receivedAt.toISOString() } });
    }
    return deletion;
  });
}
