import { Prisma } from './generated/client.ts';

/** `open`: failed, not acknowledged, and not restored from the archive. `assignee`: those that this person works on. */
export type TriageFilter = 'open' | 'acknowledged' | { assignee: string };

/** Returns the condition in a query of `alerts`. */
export function triageSql(triage: TriageFilter): Prisma.Sql {
  if (triage === 'open') {
    return Prisma.sql`failure_code IS NOT NULL AND NOT EXISTS (SELECT FROM archived_alerts WHERE alert_id = alerts.id)
      AND NOT EXISTS (SELECT FROM alert_triage WHERE alert_id = alerts.id AND acknowledged_at IS NOT NULL)`;
  }
  const matches =
    triage === 'acknowledged' ? Prisma.sql`acknowledged_at IS NOT NULL` : Prisma.sql`assignee = ${triage.assignee}`;
  return Prisma.sql`id IN (SELECT alert_id FROM alert_triage WHERE ${matches})`;
}
