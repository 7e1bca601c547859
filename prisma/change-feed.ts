import type { Alert } from './alerts.ts';
import type { Database } from './client.ts';
import { Prisma } from './generated/client.ts';

/** A position in the order of status changes: the transaction that made the change, then the row's id. */
export type FeedPosition = { xid: bigint; id: bigint };

export type Change = { position: FeedPosition; alert: Alert };

// Prisma does not support xid8, so the query is raw. The columns are the fields' names in snake_case.
const COLUMNS = Prisma.raw(
  Object.values(Prisma.AlertScalarFieldEnum)
    .map((field) => `${field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)} AS "${field}"`)
    .join(', '),
);

/**
 * Returns at most `limit` alerts whose last status change is after the position, in the order of the changes, each as it
 * is now: several changes of one alert appear as one. An open transaction holds back all changes that began after it, even
 * if it is in another database of the server, so that no change ever appears before a reader's position.
 */
export async function readChanges(db: Database, after: FeedPosition, limit: number): Promise<Change[]> {
  const rows = await db.$queryRaw<(Alert & { xid: string })[]>`
    SELECT ${COLUMNS}, change_xid::text AS xid FROM alerts
    WHERE (change_xid, id) > (${after.xid.toString()}::xid8, ${after.id}) AND change_xid < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY change_xid, id LIMIT ${limit}`;
  return rows.map(({ xid, ...alert }) => ({ position: { xid: BigInt(xid), id: alert.id }, alert }));
}

/** Returns the position before all future changes, and the first position that no change has reached yet. */
export async function readFeedBounds(db: Database): Promise<{ now: FeedPosition; end: FeedPosition }> {
  const [row] = await db.$queryRaw<[{ xmin: string; xmax: string }]>`
    SELECT pg_snapshot_xmin(s)::text AS xmin, pg_snapshot_xmax(s)::text AS xmax FROM pg_current_snapshot() AS s`;
  return { now: { xid: BigInt(row.xmin), id: 0n }, end: { xid: BigInt(row.xmax), id: 0n } };
}

/** Returns the alerts with these uuids that exist. */
export function readAlerts(db: Database, uuids: string[]): Promise<Alert[]> {
  return db.alert.findMany({ where: { uuid: { in: uuids } } });
}

/** Returns a negative number if `a` is before `b`, 0 if they are equal. */
export function comparePositions(a: FeedPosition, b: FeedPosition): number {
  if (a.xid !== b.xid) return a.xid < b.xid ? -1 : 1;
  return a.id === b.id ? 0 : a.id < b.id ? -1 : 1;
}
