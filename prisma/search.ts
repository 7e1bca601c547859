import type { ShownAlert } from './alert-columns.ts';
import { matching } from './alert-filter.ts';
import { type AlertCursor, type AlertFilter, listAlerts, newestFirst } from './alerts.ts';
import type { Database } from './client.ts';
import { Prisma } from './generated/client.ts';
import { triageSql } from './triage-filter.ts';

/**
 * Alerts whose file name one search compares: the newest ones. No index finds a part of a file name: an index of its
 * trigrams would add 60 % to PostgreSQL's work for each alert. Comparing 20,000 takes 50 to 90 ms on a busy machine.
 */
export const MAX_COMPARED = 20_000;
// Each of them is one query. If more stores match, the comparison finds alerts of them.
const MAX_STORES = 20;
// Uuids made from the time share their first digits.
const MAX_UUIDS = 1_000;

export type Search = {
  /** Part of a file name, or of a path if it contains a slash; part of a uuid, or of a store's name. */
  text: string;
  /** The stores whose name contains the text. */
  stores: readonly string[];
};

export type Found = {
  alerts: ShownAlert[];
  /** Only alerts received since then were compared; null: all. Older ones are found by uuid or store only. */
  comparedFrom: Date | null;
};

type Page = { limit: number; after?: AlertCursor | undefined };
type Id = { id: bigint };

/** Returns at most `limit` matching alerts after the cursor, newest first. Upper and lower case are the same. */
export async function searchAlerts(db: Database, filter: AlertFilter, search: Search, page: Page): Promise<Found> {
  const [ofStores, byUuid, compared] = await Promise.all([
    findByStore(db, filter, search.stores, page),
    findByUuid(db, search.text),
    compare(db, filter, search.text, page),
  ]);
  const ids = [...new Set([...byUuid, ...compared].map(({ id }) => id))];
  // The filter and the cursor again: `byUuid` did not apply them.
  const found = ids.length === 0 ? [] : await findByIds(db, ids, filter, page.after);
  const byId = new Map([...ofStores, ...found].map((alert) => [alert.id, alert]));
  const alerts = [...byId.values()].sort(newestFirst).slice(0, page.limit);
  return { alerts, comparedFrom: compared.length < page.limit ? await oldestCompared(db, filter, page) : null };
}

/** Returns those of these alerts that are after the cursor and match the filter, in no order. */
export function findByIds(
  db: Database,
  ids: bigint[],
  filter: AlertFilter,
  after?: AlertCursor,
): Promise<ShownAlert[]> {
  return db.alertReads.select(Prisma.sql`id = ANY (${ids}::bigint[]) AND ${matching(filter, after)}`);
}

async function findByStore(
  db: Database,
  filter: AlertFilter,
  stores: readonly string[],
  page: Page,
): Promise<ShownAlert[]> {
  const matching = stores.filter((store) => filter.store === undefined || store === filter.store);
  if (matching.length === 0 || matching.length > MAX_STORES) return [];
  return listAlerts(db, { ...filter, store: undefined, stores: matching }, page);
}

/** Reads the index of uuids if the text is the beginning of one. */
async function findByUuid(db: Database, text: string): Promise<Id[]> {
  const digits = text.replaceAll('-', '').toLowerCase();
  if (!isUuidPart(digits)) return [];
  return db.$queryRaw<Id[]>`
    SELECT id FROM alerts
    WHERE uuid BETWEEN ${digits.padEnd(32, '0')}::uuid AND ${digits.padEnd(32, 'f')}::uuid LIMIT ${MAX_UUIDS}`;
}

/** Returns whether the digits may be the beginning of a uuid. */
function isUuidPart(digits: string): boolean {
  return /^[0-9a-f]{4,32}$/.test(digits);
}

async function compare(db: Database, filter: AlertFilter, text: string, page: Page): Promise<Id[]> {
  const status = filter.status === undefined ? Prisma.sql`true` : Prisma.sql`status = ${filter.status}::alert_status`;
  return db.$queryRaw<Id[]>`
    SELECT id FROM (${newest(filter, page)}) AS newest
    WHERE ${status} AND ${contains(text)}
    ORDER BY received_at DESC, id DESC LIMIT ${page.limit}`;
}

/** Returns the condition for alerts whose file name, store or uuid contains the text. */
function contains(text: string): Prisma.Sql {
  const pattern = `%${text.replace(/[\\%_]/g, '\\$&')}%`;
  const name = text.includes('/') ? Prisma.sql`video` : Prisma.sql`split_part(video, '/', -1)`;
  const uuid = /^[0-9a-f-]+$/i.test(text) ? Prisma.sql`uuid::text ILIKE ${pattern}` : Prisma.sql`false`;
  return Prisma.sql`(${name} ILIKE ${pattern} OR store ILIKE ${pattern} OR ${uuid})`;
}

/**
 * Compares the next MAX_COMPARED alerts after the cursor, of one store or of all, and returns the ids of those that contain the text,
 * newest first. `last`: the last one compared, undefined if there are no more. The ids match the store, the times and the camera
 * of the filter, and perhaps not the rest of it.
 */
export async function compareNext(
  db: Database,
  filter: AlertFilter,
  text: string,
  after: AlertCursor | undefined,
): Promise<{ matching: bigint[]; last: AlertCursor | undefined }> {
  const digits = text.replaceAll('-', '').toLowerCase();
  // The beginning of a uuid may lack the hyphens, as in findByUuid.
  const byUuid = isUuidPart(digits) ? Prisma.sql`replace(uuid::text, '-', '') LIKE ${`${digits}%`}` : Prisma.sql`false`;
  const rows = await db.$queryRaw<(AlertCursor & { matches: boolean })[]>`
    WITH newest AS MATERIALIZED (${newest(filter, { limit: MAX_COMPARED, after })}),
      compared AS (SELECT id, received_at, ${contains(text)} OR ${byUuid} AS matches FROM newest)
    SELECT id, received_at AS "receivedAt", matches FROM compared
    WHERE matches OR id = (SELECT id FROM newest ORDER BY received_at, id LIMIT 1)
    ORDER BY received_at DESC, id DESC`;
  const matching = rows.filter(({ matches }) => matches).map(({ id }) => id);
  return { matching, last: rows.at(-1) };
}

async function oldestCompared(db: Database, filter: AlertFilter, page: Page): Promise<Date | null> {
  const [row] = await db.$queryRaw<[{ oldest: Date | null }]>`
    SELECT max(oldest) AS oldest FROM (
      SELECT min(received_at) AS oldest FROM (${newest(filter, page)}) AS newest
      GROUP BY part HAVING count(*) >= ${perStore(filter)}) AS parts`;
  return row.oldest;
}

/** Selects the newest alerts before the cursor: of each store in equal parts if the filter limits the stores. */
function newest(filter: AlertFilter, { after }: Page): Prisma.Sql {
  const where = [Prisma.sql`true`];
  if (filter.from) where.push(Prisma.sql`received_at >= ${filter.from}`);
  if (filter.camera !== undefined) where.push(Prisma.sql`camera = ${filter.camera}`);
  if (filter.to) where.push(Prisma.sql`received_at < ${filter.to}`);
  if (after) where.push(Prisma.sql`(received_at, id) < (${after.receivedAt}, ${after.id})`);
  // In the terms of the partial indexes, as in whereOf.
  if (filter.failureCode !== undefined) where.push(Prisma.sql`failure_code = ${filter.failureCode}::failure_code`);
  else if (filter.status === 'failed') where.push(Prisma.sql`failure_code IS NOT NULL`);
  if (filter.triage !== undefined) where.push(triageSql(filter.triage));
  if (filter.status === 'pending' || filter.status === 'processing') where.push(Prisma.sql`notified_at IS NULL`);
  const select = (part: Prisma.Sql, condition: Prisma.Sql) => Prisma.sql`
    SELECT id, uuid, video, store, status, received_at, ${part} AS part FROM alerts
    WHERE ${Prisma.join([condition, ...where], ' AND ')} ORDER BY received_at DESC, id DESC LIMIT ${perStore(filter)}`;
  const stores = storesOf(filter);
  if (!stores) return select(Prisma.sql`1`, Prisma.sql`true`);
  return Prisma.sql`
    SELECT one.* FROM unnest(${stores}::text[]) AS name
    CROSS JOIN LATERAL (${select(Prisma.sql`name`, Prisma.sql`store = name`)}) AS one`;
}

function perStore(filter: AlertFilter): number {
  return Math.ceil(MAX_COMPARED / Math.max(1, storesOf(filter)?.length ?? 1));
}

/** Returns the stores that the filter allows, or undefined for all. */
function storesOf({ store, stores }: AlertFilter): string[] | undefined {
  if (store === undefined) return stores && [...stores];
  return stores === undefined || stores.includes(store) ? [store] : [];
}
