/**
 * Runs a statement, prepared if it has a name, and returns its rows, with bigint as in Prisma's client. Throws
 * DatabaseUnavailable or DatabaseError.
 */
export type RunQuery = <Row extends object>(statement: {
  name?: string;
  text: string;
  values: unknown[];
}) => Promise<Row[]>;

export type Keyed = { uuid: string };

/** A statement for several items at once. Its rows have the items' keys as `uuid`. */
export type Statement<Item> = {
  name: string;
  text: string;
  keyOf(item: Item): string;
  columns: ((item: Item) => unknown)[];
};

/**
 * Returns the row of each item; undefined if the statement returned none. Sends one array per column. The items are sorted,
 * so that two statements lock the same rows in the same order.
 */
export async function runStatement<Item, Row extends Keyed>(
  runQuery: RunQuery,
  { name, text, keyOf, columns }: Statement<Item>,
  items: Item[],
): Promise<(Row | undefined)[]> {
  const sorted = items.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const values = columns.map((column) => sorted.map(column));
  const rows = new Map((await runQuery<Row>({ name, text, values })).map((row) => [row.uuid, row]));
  return items.map((item) => rows.get(keyOf(item)));
}

/**
 * Returns a condition that the planner cannot estimate, so that a batch always finds its rows by their keys. By statistics from
 * before a burst of alerts no row matches, and the planner compares all that do now with each item of the batch: 600
 * unfinished alerts and 20 items took 14 to 32 ms.
 */
export function unestimated(condition: string): string {
  return `COALESCE(${condition}, false)`;
}
