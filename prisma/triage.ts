import { appendAudit, type NewAuditEntry } from './audit.ts';
import type { Database, Transaction } from './client.ts';
import type { Comment, Triage } from './generated/client.ts';
import { AlertStatus } from './generated/enums.ts';
import type { Requester } from './holds.ts';
import type { TriageRow } from './related-reads.ts';

export type { Comment } from './generated/client.ts';

/** What to change; a field that is undefined stays as it is. `assignee` null: nobody. */
export type TriageChange = { acknowledged?: boolean | undefined; assignee?: string | null | undefined };

/**
 * Not needed: only alerts that have failed or are late can be acknowledged or assigned. Archived: it was restored from the
 * archive. Unknown: it does not exist, or its store is none of those that the requester may access.
 */
export type TriageResult =
  | { kind: 'changed' | 'unchanged'; triage: TriageRow | null }
  | { kind: 'not-needed'; status: AlertStatus }
  | { kind: 'archived' | 'unknown' };

/** Comments of one alert: they are read at once. */
export const MAX_COMMENTS = 500;

type Locked = { id: bigint; uuid: string; status: AlertStatus; late: boolean; archived: boolean };

/** Returns who acts, as alerts show it: the name of the key. */
function nameOf({ actor }: Requester): string {
  return actor.name ?? actor.id;
}

/**
 * Acknowledges or assigns alerts, or ends that, and returns the result of each uuid. An acknowledgement keeps its first time
 * and name. Each change is in the audit log and in the change feed.
 */
export async function triageAlerts(
  db: Database,
  uuids: readonly string[],
  change: TriageChange,
  requester: Requester,
): Promise<Map<string, TriageResult>> {
  return db.transaction(async (tx) => {
    const results = new Map<string, TriageResult>(uuids.map((uuid) => [uuid, { kind: 'unknown' }]));
    const alerts = await lockAlerts(tx, uuids, requester);
    const before = await triagesOf(tx, alerts);
    const changed: Locked[] = [];
    for (const alert of alerts) {
      const triage = before.get(alert.id) ?? null;
      const result = resultOf(alert, triage, change);
      results.set(alert.uuid, result);
      if (result.kind === 'changed') changed.push(alert);
    }
    if (changed.length === 0) return results;
    await saveTriages(tx, changed, change, nameOf(requester));
    const after = await triagesOf(tx, changed);
    for (const { id, uuid } of changed) results.set(uuid, { kind: 'changed', triage: after.get(id) ?? null });
    await publish(tx, changed);
    const entries = changed.flatMap(({ id, uuid }) => auditOf(uuid, before.get(id), change, requester));
    await appendAudit(tx, ...entries);
    return results;
  });
}

/** Ordered as retries are, so that two requests for the same alerts wait for each other instead of a deadlock. */
async function lockAlerts(tx: Transaction, uuids: readonly string[], { stores }: Requester): Promise<Locked[]> {
  return tx.$queryRaw<Locked[]>`
    SELECT id, uuid::text, status::text, last_error IS NOT NULL OR late_at IS NOT NULL AS late,
      EXISTS (SELECT FROM archived_alerts WHERE alert_id = alerts.id) AS archived
    FROM alerts WHERE uuid = ANY (${[...uuids]}::uuid[])
      AND (${stores ?? null}::text[] IS NULL OR store = ANY (${stores ?? null}::text[]))
    ORDER BY alerts.uuid FOR NO KEY UPDATE OF alerts`;
}

async function triagesOf(tx: Transaction, alerts: readonly Locked[]): Promise<Map<bigint, Triage>> {
  const rows = await tx.triage.findMany({ where: { alertId: { in: alerts.map(({ id }) => id) } } });
  return new Map(rows.map((row) => [row.alertId, row]));
}

/** Ending an acknowledgement or an assignment is possible in any state, and so is what changes nothing. */
function resultOf(alert: Locked, before: Triage | null, { acknowledged, assignee }: TriageChange): TriageResult {
  const isAcknowledged = before?.acknowledgedAt != null;
  const acknowledges = acknowledged !== undefined && acknowledged !== isAcknowledged;
  const assigns = assignee !== undefined && assignee !== (before?.assignee ?? null);
  if (!acknowledges && !assigns) return { kind: 'unchanged', triage: before };
  const adds = (acknowledges && acknowledged) || (assigns && assignee !== null);
  if (adds && alert.archived) return { kind: 'archived' };
  if (adds && !needsWork(alert)) return { kind: 'not-needed', status: alert.status };
  return { kind: 'changed', triage: before };
}

function needsWork({ status, late }: Locked): boolean {
  return status === AlertStatus.failed || (status !== AlertStatus.processed && late);
}

async function saveTriages(
  tx: Transaction,
  alerts: readonly Locked[],
  { acknowledged, assignee }: TriageChange,
  by: string,
): Promise<void> {
  const ids = alerts.map(({ id }) => id);
  const acknowledges = acknowledged ?? null;
  const assigns = assignee !== undefined;
  await tx.$executeRaw`
    INSERT INTO alert_triage AS known (alert_id, acknowledged_at, acknowledged_by, assignee)
    SELECT id, CASE WHEN ${acknowledges}::bool THEN now() END, CASE WHEN ${acknowledges}::bool THEN ${by}::text END,
      ${assignee ?? null}::text
    FROM unnest(${ids}::bigint[]) AS id
    ON CONFLICT (alert_id) DO UPDATE SET updated_at = now(),
      acknowledged_at = CASE WHEN ${acknowledges}::bool IS NULL THEN known.acknowledged_at
        WHEN ${acknowledges}::bool THEN COALESCE(known.acknowledged_at, now()) END,
      acknowledged_by = CASE WHEN ${acknowledges}::bool IS NULL THEN known.acknowledged_by
        WHEN ${acknowledges}::bool THEN COALESCE(known.acknowledged_by, excluded.acknowledged_by) END,
      assignee = CASE WHEN ${assigns}::bool THEN excluded.assignee ELSE known.assignee END`;
}

/**
 * Makes the change feed return the alerts again. The archive and the retention compare `updated_at`, so that they never miss a
 * comment; the age of an unfinished alert stays, because the scan for overdue alerts depends on it.
 */
async function publish(tx: Transaction, alerts: readonly Pick<Locked, 'id'>[]): Promise<void> {
  await tx.$executeRaw`
    UPDATE alerts SET change_xid = pg_current_xact_id(),
      updated_at = CASE WHEN notified_at IS NULL THEN updated_at ELSE now() END
    WHERE id = ANY (${alerts.map(({ id }) => id)}::bigint[])`;
}

function auditOf(
  uuid: string,
  before: Triage | undefined,
  { acknowledged, assignee }: TriageChange,
  { actor }: Requester,
): NewAuditEntry[] {
  const entries: NewAuditEntry[] = [];
  const entry = { actor, target: uuid };
  if (acknowledged !== undefined && acknowledged !== (before?.acknowledgedAt != null)) {
    entries.push({ ...entry, action: acknowledged ? 'alert.acknowledged' : 'alert.reopened' });
  }
  const previous = before?.assignee ?? null;
  if (assignee !== undefined && assignee !== previous) {
    entries.push({ ...entry, action: 'alert.assigned', details: { assignee, previous_assignee: previous } });
  }
  return entries;
}

/**
 * Adds a comment to an alert in any state. Its text is not in the audit log, which is kept after the alert is deleted. Full:
 * the alert has MAX_COMMENTS.
 */
export async function addComment(
  db: Database,
  uuid: string,
  text: string,
  requester: Requester,
): Promise<Comment | 'unknown' | 'full'> {
  return db.transaction(async (tx) => {
    const [alert] = await lockAlerts(tx, [uuid], requester);
    if (!alert) return 'unknown';
    const [counted] = await tx.$queryRaw<{ number: number }[]>`
      INSERT INTO alert_triage AS known (alert_id, comment_count) VALUES (${alert.id}, 1)
      ON CONFLICT (alert_id) DO UPDATE SET comment_count = known.comment_count + 1, updated_at = now()
      WHERE known.comment_count < ${MAX_COMMENTS}::int RETURNING comment_count AS number`;
    if (!counted) return 'full';
    const { number } = counted;
    const comment = await tx.comment.create({ data: { alertId: alert.id, number, text, author: nameOf(requester) } });
    await publish(tx, [alert]);
    const entry = { actor: requester.actor, action: 'alert.commented', target: uuid } as const;
    await appendAudit(tx, { ...entry, details: { comment: number } });
    return comment;
  });
}

/** Who did what with an alert, by its audit log. `assignee`: only of an assignment; null: nobody. */
export type TriageEvent = { action: TriageAction; at: Date; by: string; assignee: string | null };

const TRIAGE_ACTIONS = ['alert.acknowledged', 'alert.reopened', 'alert.assigned', 'alert.commented'] as const;
export type TriageAction = (typeof TRIAGE_ACTIONS)[number];

/** The newest ones of an alert. */
const MAX_EVENTS = 100;

/** Returns the newest triage events of an alert, oldest first. Those of a deleted alert with the same uuid are older than `since`. */
export async function listTriageEvents(db: Database, uuid: string, since: Date): Promise<TriageEvent[]> {
  const events = await db.$queryRaw<TriageEvent[]>`
    SELECT action, at, COALESCE(actor_name, actor) AS by, details->>'assignee' AS assignee FROM audit_log
    WHERE target = ${uuid} AND action = ANY (${[...TRIAGE_ACTIONS]}::text[]) AND at >= ${since}
    ORDER BY id DESC LIMIT ${MAX_EVENTS}::int`;
  return events.reverse();
}

/** Returns the comments of an alert, newest last; undefined if the alert is unknown to a reader of these stores. */
export async function listComments(
  db: Database,
  uuid: string,
  stores?: readonly string[],
): Promise<Comment[] | undefined> {
  const where = { uuid, ...(stores && { store: { in: [...stores] } }) };
  const alert = await db.alert.findFirst({ where, select: { id: true } });
  if (!alert) return undefined;
  return db.comment.findMany({ where: { alertId: alert.id }, orderBy: { number: 'asc' } });
}
