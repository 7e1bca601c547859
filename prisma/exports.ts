import type { ShownAlert } from './alert-columns.ts';
import { type AlertCursor, type AlertFilter, listAlerts, newestFirst } from './alerts.ts';
import { allWithRelated, type RelatedAlert } from './related-reads.ts';
import type { StaleReads } from './replica.ts';
import { compareNext, findByIds } from './search.ts';

/** Alerts per query: 200 occupy the api's event loop for about 6 ms, with writing them as CSV. */
export const PAGE = 200;
/** Of a key with many stores: fewer would make a query for a few alerts. */
const MIN_PAGE = 20;

/**
 * Yields all alerts that match, newest first, in pages. Each page is a query of its own that starts at the last alert of the
 * page before: between two pages it holds no connection and no snapshot, and it reads no alert twice. Alerts that are received
 * during the export are not in it. `text`: as in searchAlerts, but all alerts are compared. Throws DatabaseUnavailable.
 */
export async function* exportAlerts(
  read: StaleReads,
  filter: AlertFilter,
  text?: string,
): AsyncGenerator<RelatedAlert[]> {
  for await (const alerts of pagesOfStores(read, filter, text)) {
    yield await read((db) => allWithRelated(db, alerts));
  }
}

/** The pages of each store are merged. One query for several stores would read from the newest alert on, for every page. */
function pagesOfStores(read: StaleReads, filter: AlertFilter, text: string | undefined): AsyncGenerator<ShownAlert[]> {
  const { store, stores } = filter;
  const pagesOf = (each: AlertFilter, limit: number) =>
    text === undefined ? listedPages(read, each, limit) : comparedPages(read, each, text);
  if (store !== undefined || stores === undefined || stores.length < 2) return pagesOf(filter, PAGE);
  const limit = Math.max(MIN_PAGE, Math.ceil(PAGE / stores.length));
  return mergePages(stores.map((each) => pagesOf({ ...filter, stores: [each] }, limit)));
}

async function* listedPages(read: StaleReads, filter: AlertFilter, limit: number): AsyncGenerator<ShownAlert[]> {
  let after: AlertCursor | undefined;
  for (;;) {
    const page = await read((db) => listAlerts(db, filter, { limit, after }));
    if (page.length > 0) yield page;
    if (page.length < limit) return;
    after = page.at(-1);
  }
}

async function* comparedPages(read: StaleReads, filter: AlertFilter, text: string): AsyncGenerator<ShownAlert[]> {
  let after: AlertCursor | undefined;
  do {
    const { matching, last } = await read((db) => compareNext(db, filter, text, after));
    for (let start = 0; start < matching.length; start += PAGE) {
      const page = await read((db) => findByIds(db, matching.slice(start, start + PAGE), filter));
      if (page.length > 0) yield page.sort(newestFirst);
    }
    after = last;
  } while (after !== undefined);
}

/** Yields the alerts of all readers in one order. It holds one page of each reader. */
async function* mergePages(readers: AsyncGenerator<ShownAlert[]>[]): AsyncGenerator<ShownAlert[]> {
  const heads: Head[] = [];
  for (const pages of readers) heads.push(await nextPage({ pages, alerts: [], at: 0 }));
  let merged: ShownAlert[] = [];
  for (;;) {
    const newest = newestOf(heads);
    if (newest === undefined) break;
    merged.push(newest.alert);
    newest.head.at += 1;
    if (newest.head.at === newest.head.alerts.length) await nextPage(newest.head);
    if (merged.length === PAGE) {
      yield merged;
      merged = [];
    }
  }
  if (merged.length > 0) yield merged;
}

/** The page of one reader, and the index of its first alert that was not merged yet. */
type Head = { pages: AsyncGenerator<ShownAlert[]>; alerts: ShownAlert[]; at: number };

async function nextPage(head: Head): Promise<Head> {
  const { value } = await head.pages.next();
  head.alerts = value ?? [];
  head.at = 0;
  return head;
}

function newestOf(heads: readonly Head[]): { head: Head; alert: ShownAlert } | undefined {
  let newest: { head: Head; alert: ShownAlert } | undefined;
  for (const head of heads) {
    const alert = head.alerts[head.at];
    if (alert !== undefined && (newest === undefined || newestFirst(alert, newest.alert) < 0)) newest = { head, alert };
  }
  return newest;
}
