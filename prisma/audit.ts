import { userInfo } from 'node:os';
import type { Database, Transaction } from './client.ts';
import type { Prisma } from './generated/client.ts';

/** Everything that the audit log records. */
export const AUDIT_ACTIONS = [
  ...['key.created', 'key.rotated', 'key.revoked', 'session.started', 'session.ended', 'login.failed'],
  ...['link.created', 'links.revoked'],
  ...['destination.created', 'destination.changed', 'destination.deleted', 'destination.secret_rotated'],
  ...['mute.created', 'mute.ended'],
  ...['alert.retried', 'alerts.retried', 'delivery.retried', 'deliveries.retried'],
  ...['hold.placed', 'hold.changed', 'hold.released', 'alert.deleted'],
  ...['alert.acknowledged', 'alert.reopened', 'alert.assigned', 'alert.commented'],
  ...['alert.read', 'alerts.listed', 'alerts.exported'],
  ...['retention.changed', 'retention.run', 'archive.restore_started', 'archive.restored', 'audit.pruned'],
  ...['copies.requested', 'backup.created', 'backup.restored'],
] as const;

export type AuditAction = (typeof AUDIT_ACTIONS)[number];

/** Who acts. `id`: that of the API key, `anonymous` without a valid one, `link` for a signed link, `cli` or `worker`. */
export type AuditActor = { id: string; name?: string | null; address?: string | null };

export const WORKER: AuditActor = { id: 'worker' };

/** Returns who runs a command: the user of the operating system. A container's may have no name. */
export function commandLine(): AuditActor {
  try {
    return { id: 'cli', name: userInfo().username };
  } catch {
    return { id: 'cli', name: `user ${process.getuid?.() ?? 'unknown'}` };
  }
}

export type NewAuditEntry = {
  actor: AuditActor;
  action: AuditAction;
  /** What it is done to: the uuid of an alert, the id of a key or a destination. */
  target?: string | null | undefined;
  /** No secrets: the log is kept for long. */
  details?: Prisma.InputJsonObject | undefined;
};

/**
 * Appends entries to the audit log, in this order. In a transaction, call it last: until the end of the transaction, no other
 * one can append.
 */
export async function appendAudit(
  db: Pick<Database | Transaction, '$executeRaw'>,
  ...entries: readonly NewAuditEntry[]
): Promise<void> {
  if (entries.length === 0) return;
  const column = <Value>(value: (entry: NewAuditEntry) => Value) => entries.map(value);
  // A trigger adds number, time and hash.
  await db.$executeRaw`
    INSERT INTO audit_log (actor, actor_name, address, action, target, details)
    SELECT actor, actor_name, address, action, target, details::json
    FROM unnest(${column(({ actor }) => actor.id)}::text[], ${column(({ actor }) => actor.name ?? null)}::text[],
      ${column(({ actor }) => actor.address ?? null)}::text[], ${column(({ action }) => action)}::text[],
      ${column(({ target }) => target ?? null)}::text[], ${column(({ details }) => JSON.stringify(details ?? {}))}::text[])
      WITH ORDINALITY AS entry (actor, actor_name, address, action, target, details, n)
    ORDER BY n`;
}

/** Deletes up to 5,000 of the oldest entries that are older than `days` (at least 30), and returns their number. */
export async function pruneAuditLog(db: Pick<Database, '$queryRaw'>, days: number): Promise<number> {
  const [row] = await db.$queryRaw<{ deleted: number }[]>`SELECT prune_audit_log(${days}::int) AS deleted`;
  return row?.deleted ?? 0;
}

/** An entry as it is stored. */
export type AuditEntry = {
  id: bigint;
  at: Date;
  actor: string;
  actorName: string | null;
  address: string | null;
  action: string;
  target: string | null;
  details: Prisma.JsonValue;
  hash: Uint8Array;
};

export type AuditFilter = {
  actor?: string | undefined;
  action?: string | undefined;
  target?: string | undefined;
  /** At or after this time. */
  from?: Date | undefined;
  /** Before this time. */
  to?: Date | undefined;
};

/** Returns at most `limit` entries, newest first. `before`: only those with a smaller number. */
export async function listAudit(
  db: Pick<Database, 'auditEntry'>,
  { from, to, ...equal }: AuditFilter,
  { limit, before }: { limit: number; before?: bigint | undefined },
): Promise<AuditEntry[]> {
  const where: Prisma.AuditEntryWhereInput = { at: { ...(from && { gte: from }), ...(to && { lt: to }) } };
  for (const field of ['actor', 'action', 'target'] as const) {
    if (equal[field] !== undefined) where[field] = equal[field];
  }
  if (before !== undefined) where.id = { lt: before };
  return db.auditEntry.findMany({ where, orderBy: { id: 'desc' }, take: limit });
}
