import { createMicroBatcher } from '#async/micro-batch.ts';
import { TimeoutError, withTimeout } from '#async/timeout.ts';
import { type ShownAlert, shownColumns } from './alert-columns.ts';
import type { RunQuery } from './batched-statement.ts';
import { DatabaseUnavailable } from './errors.ts';
import type { Prisma } from './generated/client.ts';
import { type RelatedAlert, type RelatedRow, relatedSql, relateRow } from './related-reads.ts';

/** An alert, and its version in the same snapshot of the database. */
export type VersionedAlert = { alert: RelatedAlert; version: string };
export type KnownVersion = { uuid: string; version: string };

type Row = ShownAlert & RelatedRow & { version: string };

const COLUMNS = shownColumns();

type Options = { pictures: boolean; queryTimeoutMs: number };

/** Returns the reads of alerts without Prisma's client, whose conversions cost more. `pictures` false: none are read. */
export function openAlertReads(runQuery: RunQuery, { pictures, queryTimeoutMs }: Options) {
  const suffix = pictures ? '' : '_few';
  const { columns, joins, version } = relatedSql({ pictures });
  const find = {
    name: `alerts_find${suffix}`,
    text: `
      SELECT ${COLUMNS}, ${version} AS version, ${columns}
      FROM unnest($1::uuid[]) AS wanted (uuid) JOIN alerts ON alerts.uuid = wanted.uuid ${joins('alerts.id')}`,
  };
  // A subquery per uuid: with a join, the planner may prefer to read the whole table if there are many.
  const findChanged = {
    name: `alerts_find_changed${suffix}`,
    text: `
      SELECT known.uuid FROM unnest($1::uuid[], $2::text[]) AS known (uuid, version)
      WHERE known.version IS DISTINCT FROM
        (SELECT ${version} FROM alerts ${joins('alerts.id')} WHERE alerts.uuid = known.uuid)`,
  };
  const batcher = createMicroBatcher<string, VersionedAlert | undefined>({
    async run(uuids) {
      const rows = await runQuery<Row>({ ...find, values: [[...new Set(uuids)]] });
      const byUuid = new Map(rows.map((row) => [row.uuid, { alert: relateRow(row), version: row.version }]));
      return uuids.map((uuid) => byUuid.get(uuid));
    },
    maxBatchSize: 200,
    concurrency: 2,
  });
  return {
    /**
     * Returns the alert with this uuid in lower case, or undefined. Those requested at the same time share one statement. Throws
     * DatabaseUnavailable, at the latest after the timeout.
     */
    find: (uuid: string) =>
      withTimeout(batcher.add(uuid), queryTimeoutMs).catch((error: unknown) => {
        throw error instanceof TimeoutError ? new DatabaseUnavailable(error) : error;
      }),
    /** Returns the alerts that meet the condition, which an order and a limit may follow. */
    select: (condition: Prisma.Sql) =>
      runQuery<ShownAlert>({ text: `SELECT ${COLUMNS} FROM alerts WHERE ${condition.text}`, values: condition.values }),
    /** Returns the uuids of the alerts that have another version, or none. */
    async findChanged(known: readonly KnownVersion[]): Promise<string[]> {
      const values = [known.map(({ uuid }) => uuid), known.map(({ version }) => version)];
      return (await runQuery<{ uuid: string }>({ ...findChanged, values })).map(({ uuid }) => uuid);
    },
    close: batcher.close,
  };
}
