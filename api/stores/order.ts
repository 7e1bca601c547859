import { z } from 'zod';
import type { StoreSummary } from '#prisma/store-overview.ts';
import { Problem } from '../http/problem.ts';
import { ORDERS, type Order, SORTS, type Sort } from './schema.ts';

/** What a store is sorted by: numbers that are compared one after the other, then its name. */
type SortKey = number[];

const KEYS: Record<Sort, (store: StoreSummary) => SortKey> = {
  // Of two stores without failures, the one that is silent for longer has more of a problem.
  problems: (each) => [each.failed, rateOf(each) ?? 0, -each.lastAlertAt.getTime()],
  store: () => [],
  alerts: ({ alerts }) => [alerts],
  failed: ({ failed }) => [failed],
  failure_rate: (each) => [rateOf(each) ?? -1, each.failed],
  trend: ({ failed, previousFailed }) => [failed - previousFailed],
  late: ({ late, unfinished }) => [late, unfinished],
  last_alert_at: ({ lastAlertAt }) => [lastAlertAt.getTime()],
};

/** Returns the part of the alerts that failed, from 0 to 1; null without alerts. */
export function rateOf({ alerts, failed }: Pick<StoreSummary, 'alerts' | 'failed'>): number | null {
  return alerts === 0 ? null : Math.round((failed / alerts) * 10_000) / 10_000;
}

export type StoreOrder = { sort: Sort; order: Order };

/** Returns the order of a query. */
export function orderOf(sort: Sort, order: Order | undefined): StoreOrder {
  return { sort, order: order ?? (sort === 'store' ? 'asc' : 'desc') };
}

type Position = { key: SortKey; store: string };

/**
 * Returns the stores after the cursor in this order. The cursor has what its store was sorted by, so that it is valid after
 * the numbers have changed, or the store has no alerts any more. Throws a Problem for a cursor of another order.
 */
export function sortStores(
  stores: readonly StoreSummary[],
  by: StoreOrder,
  cursor: string | undefined,
): StoreSummary[] {
  const after = cursor === undefined ? undefined : decodeCursor(cursor, by);
  return stores
    .map((summary) => ({ summary, ...positionOf(summary, by) }))
    .filter((each) => after === undefined || compare(each, after, by) > 0)
    .sort((a, b) => compare(a, b, by))
    .map(({ summary }) => summary);
}

function positionOf(summary: StoreSummary, { sort }: StoreOrder): Position {
  return { key: KEYS[sort](summary), store: summary.store };
}

function compare(a: Position, b: Position, { sort, order }: StoreOrder): number {
  const sign = order === 'asc' ? 1 : -1;
  for (const [n, value] of a.key.entries()) {
    const other = b.key[n] ?? value;
    if (value !== other) return value < other ? -sign : sign;
  }
  // Names stay in alphabetical order among equals, whatever the order of the numbers.
  const byName = a.store < b.store ? -1 : Number(a.store > b.store);
  return sort === 'store' ? sign * byName : byName;
}

const cursorSchema = z.tuple([z.enum(SORTS), z.enum(ORDERS), z.array(z.number()), z.string()]);

/** Returns the cursor of the page after this store. */
export function encodeCursor(summary: StoreSummary, by: StoreOrder): string {
  const { key, store } = positionOf(summary, by);
  return Buffer.from(JSON.stringify([by.sort, by.order, key, store])).toString('base64url');
}

function decodeCursor(cursor: string, by: StoreOrder): Position {
  const [sort, order, key, store] = parseCursor(cursor);
  if (sort !== by.sort || order !== by.order) throw new Problem('bad-cursor', 'This cursor is of another order.');
  return { key, store };
}

function parseCursor(cursor: string): z.output<typeof cursorSchema> {
  try {
    return cursorSchema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()));
  } catch (cause) {
    throw new Problem('bad-cursor', 'This server did not issue this cursor.', { cause });
  }
}
