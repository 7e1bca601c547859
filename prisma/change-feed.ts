import type { Alert } from './alerts.ts';
import type { Database } from './client.ts';
import { Prisma } from './generated/client.ts';

/** A place in the order of status changes: the transaction that made the change, then the row's id. */
export type Place = { changed: bigint; id: bigint };

export type Change = { place: Place; alert: Alert };

// Prisma knows no xid8, and gives the fields' names, of which the columns are the snake_case.
const COLUMNS = Prisma.raw(
  Object.values(Prisma.AlertScalarFieldEnum)
    .map((field) => `${field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)} AS "${field}"`)
    .join(', '),
);

/**
 * At most `limit` alerts whose status changed last behind `after`, in the order of the changes, each as it is now: of
 * several changes of one alert the last is told. Transactions that are still open hold back all changes begun after
 * them, those of other tables and databases of the server too: so none ever appears behind a reader.
 */
export async function readChanges(db: Database, after: Place, limit: number): Promise<Change[]> {
  const rows = await db.$queryRaw<(Alert & { place: string })[]>`
    SELECT ${COLUMNS}, change_xid::text AS place FROM alerts
    WHERE (change_xid, id) > (${after.changed.toString()}::xid8, ${after.id}) AND change_xid < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY change_xid, id LIMIT ${limit}`;
  return rows.map(({ place, ...alert }) => ({ place: { changed: BigInt(place), id: alert.id }, alert }));
}

/** The place before every change that is yet to come, and the first one that no change has reached. */
export async function readHorizon(db: Database): Promise<{ now: Place; end: Place }> {
  const [row] = await db.$queryRaw<[{ xmin: string; xmax: string }]>`
    SELECT pg_snapshot_xmin(s)::text AS xmin, pg_snapshot_xmax(s)::text AS xmax FROM pg_current_snapshot() AS s`;
  return { now: { changed: BigInt(row.xmin), id: 0n }, end: { changed: BigInt(row.xmax), id: 0n } };
}

/** Those of the alerts that there are, as they are now. */
export function readAlerts(db: Database, uuids: string[]): Promise<Alert[]> {
  return db.alert.findMany({ where: { uuid: { in: uuids } } });
}

/** Below 0 where `a` comes before `b`, 0 where they are the same place. */
export function comparePositions(a: Place, b: Place): number {
  if (a.changed !== b.changed) return a.changed < b.changed ? -1 : 1;
  return a.id === b.id ? 0 : a.id < b.id ? -1 : 1;
}
