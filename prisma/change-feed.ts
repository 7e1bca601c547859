import { alertColumns } from './alert-columns.ts';
import type { Alert } from './alerts.ts';
import type { Database } from './client.ts';
import { Prisma } from './generated/client.ts';
import type { AlertStatus } from './generated/enums.ts';
import type { RelatedAlert } from './related-reads.ts';

/** A position in the order of status changes: the transaction that made the change, then the row's id. */
export type FeedPosition = { xid: bigint; id: bigint };

export type Change = { position: FeedPosition; alert: RelatedAlert };

// Prisma does not support xid8, so the query is raw.
const COLUMNS = Prisma.raw(alertColumns());
const FOUND = Prisma.raw(
  Object.values(Prisma.AlertScalarFieldEnum)
    .map((field) => `found."${field}"`)
    .join(', '),
);

/** The position before all future changes, and the first position that no change has reached yet. */
export type FeedBounds = { now: FeedPosition; end: FeedPosition };

export type ChangePage = {
  changes: Change[];
  /** No other matching change is between the position of the reader and this one. */
  position: FeedPosition;
  bounds: FeedBounds;
};

export type ChangeFilter = { stores?: readonly string[] | undefined; status?: AlertStatus | undefined };

/** `limit` bounds the changes that are returned, `scan` the rows that are read. */
export type PageSize = { limit: number; scan: number };

type Row = Alert & { xid: string };
type PageRow = { [Column in keyof Row]: Row[Column] | null } & BoundsRow & {
    lastXid: string | null;
    lastId: bigint | null;
  };

/**
 * Returns the alerts whose last status change is after the position, in the order of the changes, each as it is now:
 * several changes of one alert appear as one. An open transaction holds back all changes that began after it, even if it
 * is in another database of the server, so that no change ever appears before a reader's position.
 */
export async function readChanges(
  db: Database,
  after: FeedPosition,
  { limit, scan }: PageSize,
  { stores, status }: ChangeFilter = {},
): Promise<ChangePage> {
  const rows = await db.$queryRaw<PageRow[]>`
    WITH scanned AS MATERIALIZED (
      SELECT ${COLUMNS}, change_xid AS xid FROM alerts
      WHERE (change_xid, id) > (${after.xid.toString()}::xid8, ${after.id})
        AND change_xid < pg_snapshot_xmin(pg_current_snapshot())
      ORDER BY change_xid, id LIMIT ${scan}),
    last AS (SELECT xid, id FROM scanned ORDER BY xid DESC, id DESC LIMIT 1),
    found AS (
      SELECT * FROM scanned
      WHERE (${stores ?? null}::text[] IS NULL OR store = ANY(${stores ?? null}::text[]))
        AND (${status ?? null}::alert_status IS NULL OR status = ${status ?? null}::alert_status)
      ORDER BY xid, id LIMIT ${limit})
    SELECT ${FOUND}, found.xid::text AS xid, last.xid::text AS "lastXid", last.id AS "lastId",
      pg_snapshot_xmin(s)::text AS xmin, pg_snapshot_xmax(s)::text AS xmax
    FROM pg_current_snapshot() AS s LEFT JOIN last ON true LEFT JOIN found ON true
    ORDER BY found.xid, found.id`;
  const [first] = rows;
  if (!first) throw new Error('a snapshot is always one row');
  const changes = rows.filter(isFound).map(changeOf);
  const scanned = first.lastXid === null || first.lastId === null ? after : positionOf(first.lastXid, first.lastId);
  // With `limit` changes, more of them may follow among the scanned rows.
  const position = (changes.length === limit ? changes.at(-1)?.position : undefined) ?? scanned;
  return { changes, position, bounds: boundsOf(first) };
}

function isFound(row: PageRow): row is PageRow & Row {
  return row.xid !== null;
}

function changeOf({ xid, lastXid, lastId, xmin, xmax, ...alert }: PageRow & Row): Change {
  return { position: positionOf(xid, alert.id), alert };
}

function positionOf(xid: string, id: bigint): FeedPosition {
  return { xid: BigInt(xid), id };
}

type BoundsRow = { xmin: string; xmax: string };

function boundsOf({ xmin, xmax }: BoundsRow): FeedBounds {
  return { now: positionOf(xmin, 0n), end: positionOf(xmax, 0n) };
}

export async function readFeedBounds(db: Database): Promise<FeedBounds> {
  const rows = await db.$queryRaw<[BoundsRow]>`
    SELECT pg_snapshot_xmin(s)::text AS xmin, pg_snapshot_xmax(s)::text AS xmax FROM pg_current_snapshot() AS s`;
  return boundsOf(rows[0]);
}

/** Who has a transaction open. `pid` is null for a prepared transaction, which has a `preparedAs` instead. */
export type Holder = {
  pid: number | null;
  database: string | null;
  user: string | null;
  applicationName: string | null;
  preparedAs: string | null;
};

/** Returns who has this transaction open; undefined if it has ended. Needs no privileges. */
export async function findHolder(db: Database, xid: bigint): Promise<Holder | undefined> {
  const rows = await db.$queryRaw<Holder[]>`
    SELECT pid, datname::text AS database, usename::text AS "user", application_name AS "applicationName",
      NULL::text AS "preparedAs"
    FROM pg_stat_activity WHERE backend_xid = ${xid.toString()}::xid8::xid
    UNION ALL
    SELECT NULL, database::text, owner::text, NULL, gid
    FROM pg_prepared_xacts WHERE transaction = ${xid.toString()}::xid8::xid
    LIMIT 1`;
  return rows[0];
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
