import type { Database } from './client.ts';
import { Prisma } from './generated/client.ts';
import type { AlertStatus, FailureCode } from './generated/enums.ts';
import { triageSql } from './triage-filter.ts';

/** That of `listAlerts`; here, because it imports this file. */
type Filter = {
  store?: string | undefined;
  stores?: readonly string[] | undefined;
  camera?: string | undefined;
  status?: AlertStatus | undefined;
  failureCode?: FailureCode | undefined;
  held?: boolean | undefined;
  from?: Date | undefined;
  to?: Date | undefined;
};

type Page = { limit: number; after?: { receivedAt: Date; id: bigint } | undefined; oldestFirst?: boolean };

/**
 * Returns the ids of the newest or oldest open alerts after the cursor that match the filter, of one store at most. PostgreSQL reads the
 * index of failed alerts until the page is full. For the same condition as Prisma writes it, with an OR, it expects almost no
 * rows, and reads all failed alerts.
 */
export async function openIds(
  db: Database,
  filter: Filter,
  { limit, after, oldestFirst = false }: Page,
): Promise<bigint[]> {
  const { store, stores, camera, status, failureCode, held, from, to } = filter;
  const where = [triageSql('open')];
  if (store !== undefined) where.push(Prisma.sql`store = ${store}`);
  if (stores !== undefined) where.push(Prisma.sql`store = ANY (${[...stores]}::text[])`);
  if (camera !== undefined) where.push(Prisma.sql`camera = ${camera}`);
  if (status !== undefined) where.push(Prisma.sql`status = ${status}::alert_status`);
  if (failureCode !== undefined) where.push(Prisma.sql`failure_code = ${failureCode}::failure_code`);
  if (held !== undefined) where.push(Prisma.sql`EXISTS (SELECT FROM holds WHERE alert_id = alerts.id) = ${held}::bool`);
  if (from) where.push(Prisma.sql`received_at >= ${from}`);
  if (to) where.push(Prisma.sql`received_at < ${to}`);
  const comparison = Prisma.raw(oldestFirst ? '>' : '<');
  const direction = Prisma.raw(oldestFirst ? 'ASC' : 'DESC');
  if (after) where.push(Prisma.sql`(received_at, id) ${comparison} (${after.receivedAt}, ${after.id})`);
  const rows = await db.$queryRaw<{ id: bigint }[]>`
    SELECT id FROM alerts WHERE ${Prisma.join(where, ' AND ')} ORDER BY received_at ${direction}, id ${direction} LIMIT ${limit}`;
  return rows.map(({ id }) => id);
}
