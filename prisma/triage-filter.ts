import { Prisma } from './generated/client.ts';

/** `open`: failed, not acknowledged, and not restored from the archive. `assignee`: those that this person works on. */
export type TriageFilter = 'open' | 'acknowledged' | { assignee: string };

// Something that is true of each acknowledgement: with `not: null`, PostgreSQL expects most alerts to have one.
const ACKNOWLEDGED = { is: { acknowledgedAt: { gt: new Date(0) } } };

/** Returns the condition in terms of the index of failed alerts, or of the table of triages, which is small. */
export function whereTriage(triage: TriageFilter): Prisma.AlertWhereInput {
  if (triage === 'open') {
    // Not NOT: it would exclude alerts without a triage, for which the comparison is neither true nor false.
    const notAcknowledged = [{ triage: null }, { triage: { is: { acknowledgedAt: null } } }];
    return { failureCode: { not: null }, archived: null, OR: notAcknowledged };
  }
  return { triage: triage === 'acknowledged' ? ACKNOWLEDGED : { is: triage } };
}

/** Returns the same condition as SQL for a query of `alerts`. */
export function triageSql(triage: TriageFilter): Prisma.Sql {
  if (triage === 'open') {
    return Prisma.sql`failure_code IS NOT NULL AND NOT EXISTS (SELECT FROM archived_alerts WHERE alert_id = alerts.id)
      AND NOT EXISTS (SELECT FROM alert_triage WHERE alert_id = alerts.id AND acknowledged_at IS NOT NULL)`;
  }
  const matches =
    triage === 'acknowledged' ? Prisma.sql`acknowledged_at IS NOT NULL` : Prisma.sql`assignee = ${triage.assignee}`;
  return Prisma.sql`id IN (SELECT alert_id FROM alert_triage WHERE ${matches})`;
}
