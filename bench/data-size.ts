import { randomInt } from 'node:crypto';
import { findAlert, findFailed, listAlerts } from '#prisma/alerts.ts';
import { readChanges, readFeedBounds } from '#prisma/change-feed.ts';
import { type Database, openDatabase } from '#prisma/client.ts';
import { deleteFinished } from '#prisma/delete-alerts.ts';
import { listOverdue } from '#prisma/overdue.ts';
import type { Part } from '#prisma/retention-rules.ts';
import { readDue } from '#prisma/retention-run.ts';
import { countAlerts } from '#prisma/statistics.ts';
import { SATURATED, STEADY_PER_S } from './bench.ts';
import { FIRST_RECEIVED, fillAlerts, filledUuid, INTERVAL_MS } from './fill.ts';
import { type LoadOptions, measureLoad } from './measure.ts';
import type { DataSizeResult } from './report.ts';
import type { BenchStack } from './stack.ts';
import { percentile } from './statistics.ts';
import type { ExpectedVideo } from './video-sets.ts';

const MILLION = 1_000_000;
const REPETITIONS = 50;
const LIMIT = 51;
const HOUR_MS = 3_600_000;
const MB = 1_000_000;
/** A retention rule for all alerts. */
const EVERYTHING: Part = { store: null, status: null, exceptStores: [], days: 1 };
/** Number of alerts that a query of retention deletes. */
const DELETED = 100;

type Query = [name: string, run: (db: Database, rows: number) => Promise<unknown>];

/** Queries on a table with `rows` rows. A query that needs a row or a time uses that of a random stored row. */
const QUERIES: Query[] = [
  ['GET by uuid', (db, rows) => findAlert(db, filledUuid(randomInt(rows)))],
  ['list', (db) => listAlerts(db, {}, { limit: LIMIT })],
  [
    'list, deep page',
    (db, rows) => listAlerts(db, {}, { limit: LIMIT, after: { receivedAt: randomTime(rows), id: 1n } }),
  ],
  ['list by store', (db) => listAlerts(db, { store: `store-${randomInt(200)}` }, { limit: LIMIT })],
  [
    'list by store, deep page',
    (db, rows) =>
      listAlerts(db, { store: 'store-3' }, { limit: LIMIT, after: { receivedAt: randomTime(rows), id: 1n } }),
  ],
  ['list by failure', (db) => listAlerts(db, { status: 'failed', failureCode: 'video_timeout' }, { limit: LIMIT })],
  ['list failed', (db) => listAlerts(db, { status: 'failed' }, { limit: LIMIT })],
  ['list pending', (db) => listAlerts(db, { status: 'pending' }, { limit: LIMIT })],
  ['list one day', (db, rows) => listAlerts(db, randomPeriod(rows, 24 * HOUR_MS), { limit: LIMIT })],
  ['reconcile', (db) => listOverdue(db, { quietMs: 15_000, limit: 500 })],
  ['find failed of one day', (db, rows) => findFailed(db, randomPeriod(rows, 24 * HOUR_MS), 100)],
  ['event stream', async (db) => readChanges(db, (await readFeedBounds(db)).now, { limit: 100, scan: 100 })],
  ['statistics of one hour', (db, rows) => countAlerts(db, {}, randomPeriod(rows, HOUR_MS))],
  [`delete ${DELETED} due alerts`, deleteOldest],
];

type SweepOptions = { millions: number[]; log: (line: string) => void; signal: AbortSignal; seconds: number };

/** Measures the stack with each number of millions of stored rows, in ascending order. Fills its database and restarts its worker. */
export async function sweepDataSizes(
  stack: BenchStack,
  videos: readonly ExpectedVideo[],
  { millions, log, signal, seconds }: SweepOptions,
): Promise<DataSizeResult[]> {
  const results: DataSizeResult[] = [];
  let stored = 0;
  for (const rows of millions.map((each) => each * MILLION)) {
    log(`${rows.toLocaleString('en-US')} rows stored before`);
    if (rows > stored) await fillAlerts(stack.databaseUrl, { from: stored, to: rows });
    stored = rows;
    const sizes = await readSizes(stack.database);
    await stack.startWorker('current');
    const measure = (count: number, pace: LoadOptions['pace']) =>
      measureLoad(stack, videos, { count, pace, keepRows: true }, signal);
    const warmUp = await measure(1_000, SATURATED);
    const saturated = await measure(Math.round(warmUp.processedPerS * seconds), SATURATED);
    const steady = await measure(STEADY_PER_S * seconds, { kind: 'open', perSecond: STEADY_PER_S });
    const queries = await measureQueries(stack.databaseUrl, Math.max(rows, 1), signal);
    results.push({ rows, saturated, steady, queries, sizes });
  }
  return results;
}

async function measureQueries(url: string, rows: number, signal: AbortSignal): Promise<DataSizeResult['queries']> {
  const db = openDatabase(url, { poolSize: 2, onError: () => {} });
  try {
    const results: DataSizeResult['queries'] = [];
    for (const [name, run] of QUERIES) {
      const durations: number[] = [];
      for (let repetition = 0; repetition < REPETITIONS; repetition += 1) {
        signal.throwIfAborted();
        const startedAt = performance.now();
        await run(db, rows);
        durations.push(performance.now() - startedAt);
      }
      results.push({ name, p50: percentile(durations, 0.5), p95: percentile(durations, 0.95) });
    }
    return results;
  } finally {
    await db.$disconnect();
  }
}

/** Deletes the oldest stored alerts as the worker does. */
async function deleteOldest(db: Database, rows: number): Promise<void> {
  const until = new Date(FIRST_RECEIVED.getTime() + rows * INTERVAL_MS);
  const after = { receivedAt: new Date(0), id: 0n };
  const { due } = await readDue(db, EVERYTHING, { after, until, restoredUntil: until, limit: DELETED });
  await deleteFinished(db, due);
}

/** Returns the sizes of the table of alerts and of each of its indexes, the largest first. */
async function readSizes(db: Database): Promise<DataSizeResult['sizes']> {
  const relations = await db.$queryRaw<{ name: string; bytes: number }[]>`
    SELECT relname AS name, pg_relation_size(oid)::float8 AS bytes FROM pg_class
    WHERE oid = 'alerts'::regclass OR oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = 'alerts'::regclass)
    ORDER BY bytes DESC, name`;
  return relations.map(({ name, bytes }) => ({ name, mb: bytes / MB }));
}

/** Returns the time at which a random stored alert was received. */
function randomTime(rows: number): Date {
  return new Date(FIRST_RECEIVED.getTime() + randomInt(rows) * INTERVAL_MS);
}

function randomPeriod(rows: number, ms: number): { from: Date; to: Date } {
  const from = randomTime(rows);
  return { from, to: new Date(from.getTime() + ms) };
}
