type Page<Row> = {
  limit: number;
  /** Returns the first rows of one store in the order of `compare`, at most `limit`. */
  ofStore: (store: string) => Promise<Row[]>;
  /** For `sort`. */
  compare: (a: Row, b: Row) => number;
};

/**
 * Returns the first rows of several stores. One query per store starts in the index at the cursor; one query for all stores
 * would read from the first row.
 */
export async function firstOfStores<Row>(stores: readonly string[], page: Page<Row>): Promise<Row[]> {
  const pages = await Promise.all(stores.map(page.ofStore));
  return pages.flat().sort(page.compare).slice(0, page.limit);
}
