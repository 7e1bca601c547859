import { type Alert, Prisma } from './generated/client.ts';
import type { AlertStatus, FailureCode } from './generated/enums.ts';
import { type TriageFilter, triageSql } from './triage-filter.ts';

export type AlertFilter = {
  store?: string | undefined;
  /** Limits the result to these stores, in addition to `store`; undefined: all stores. */
  stores?: readonly string[] | undefined;
  camera?: string | undefined;
  status?: AlertStatus | undefined;
  failureCode?: FailureCode | undefined;
  /** Only those under a legal hold; false: only others. */
  held?: boolean | undefined;
  triage?: TriageFilter | undefined;
  /** Received at or after this time. */
  from?: Date | undefined;
  /** Received before this time. */
  to?: Date | undefined;
};

/** The last alert of the page before. */
export type AlertCursor = Pick<Alert, 'receivedAt' | 'id'>;

/** Returns the condition, in a query of `alerts`, for those after the cursor that match the filter. */
export function matching(filter: AlertFilter, after?: AlertCursor, oldestFirst = false): Prisma.Sql {
  const { store, stores, camera, held, triage, from, to } = filter;
  const all = triage === undefined ? [] : [triageSql(triage)];
  if (store !== undefined) all.push(Prisma.sql`store = ${store}`);
  if (stores !== undefined) all.push(ofStores(stores));
  if (camera !== undefined) all.push(Prisma.sql`camera = ${camera}`);
  if (held !== undefined) all.push(held ? HELD : Prisma.sql`NOT ${HELD}`);
  all.push(...ofStatus(filter));
  if (from) all.push(Prisma.sql`received_at >= ${from}`);
  if (to) all.push(Prisma.sql`received_at < ${to}`);
  const comparison = Prisma.raw(oldestFirst ? '>' : '<');
  if (after) all.push(Prisma.sql`(received_at, id) ${comparison} (${after.receivedAt}, ${after.id})`);
  return all.length === 0 ? Prisma.sql`true` : Prisma.join(all, ' AND ');
}

const HELD = Prisma.sql`EXISTS (SELECT FROM holds WHERE alert_id = alerts.id)`;

/** Not with an array for a single store: PostgreSQL would not use the order of the index of stores. */
function ofStores(stores: readonly string[]): Prisma.Sql {
  return stores.length === 1 ? Prisma.sql`store = ${stores[0]}` : Prisma.sql`store = ANY (${[...stores]}::text[])`;
}

/** In the terms of the partial indexes: exactly the failed rows have a code, and unfinished alerts are not notified. */
function ofStatus({ status, failureCode }: AlertFilter): Prisma.Sql[] {
  const all: Prisma.Sql[] = [];
  if (failureCode !== undefined) all.push(Prisma.sql`failure_code = ${failureCode}::failure_code`);
  else if (status === 'failed') all.push(Prisma.sql`failure_code IS NOT NULL`);
  if (status === 'pending' || status === 'processing') all.push(Prisma.sql`notified_at IS NULL`);
  if (status !== undefined && status !== 'failed') all.push(Prisma.sql`status = ${status}::alert_status`);
  return all;
}
