type Page<Row> = {
  limit: number;
  /** Returns the newest rows of one store, at most `limit`. */
  ofStore: (store: string) => Promise<Row[]>;
  /** For `sort`. */
  newestFirst: (a: Row, b: Row) => number;
};

/**
 * Returns the newest rows of several stores. One query per store starts in the index at the cursor; one query for all stores
 * would read from the newest row.
 */
export async function newestOfStores<Row>(stores: readonly string[], page: Page<Row>): Promise<Row[]> {
  const pages = await Promise.all(stores.map(page.ofStore));
  return pages.flat().sort(page.newestFirst).slice(0, page.limit);
}
