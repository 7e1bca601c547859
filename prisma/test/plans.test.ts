// Over 250 lines: the plan of each statement that runs on every alert or request, on one table that takes seconds to fill.
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { fillAlerts, filledUuid } from '#bench/fill.ts';
import { createTestDatabase, type TestDatabase } from '#test/harness/test-database.ts';
import {
  addPending,
  claim,
  findAlert,
  findFailed,
  listAlerts,
  markNotified,
  recordFailure,
  recordResolution,
  release,
  retryFailed,
} from '../alerts.ts';
import { readChanges, readFeedBounds } from '../change-feed.ts';
import { type Database, openDatabase } from '../client.ts';
import { listOverdue } from '../overdue.ts';
import { countAlerts, minutesOf, oldestUnfinishedSeconds } from '../statistics.ts';
import { countBuckets, summarizeStores } from '../store-overview.ts';

const ROWS = 200_000;
const UNFINISHED = 100;
const HELD = 200;
const ACKNOWLEDGED = 400;
const ASSIGNED = 100;
/** Dead and neighbouring rows that a statement reads in addition to the rows that it returns. */
const SPARE = 20;

let database: TestDatabase;
let db: Database;
let observer: pg.Client;
beforeAll(async () => {
  database = await createTestDatabase();
  await fillAlerts(database.url, { from: 0, to: ROWS });
  observer = new pg.Client({ connectionString: database.url });
  await observer.connect();
  await observer.query(
    `INSERT INTO alerts (uuid, video, store, timestamp, request_id, received_at, updated_at, status, attempts)
     SELECT gen_random_uuid(), '/a.mp4', 'store-1', n, 'r', at, at, (CASE WHEN n % 2 = 0 THEN 'pending' ELSE 'processing' END)::alert_status, 1
     FROM generate_series(1, $1) n, LATERAL (SELECT timestamptz '2026-01-02' + n * interval '1 s' AS at) t`,
    [UNFINISHED],
  );
  // A sample of 300,000 rows covers the table. With the default of 30,000 the estimate of a rare value is random: once 40
  // instead of 100 rows, and the planner sorted all of them.
  await observer.query('SET default_statistics_target = 1000');
  await observer.query(
    `INSERT INTO holds (alert_id, reason, created_by, created_by_name)
     SELECT id, 'case', 'k', 'k' FROM alerts WHERE status <> 'pending' AND id % $1 = 0`,
    [ROWS / HELD],
  );
  // The newest failed alerts are acknowledged: those that a page of open alerts skips.
  await observer.query(
    `INSERT INTO alert_triage (alert_id, acknowledged_at, acknowledged_by, assignee)
     SELECT id, now(), 'anna', CASE WHEN n <= $2 THEN 'anna' END
     FROM (SELECT id, row_number() OVER (ORDER BY received_at DESC) AS n FROM alerts WHERE failure_code IS NOT NULL) failed
     WHERE n <= $1`,
    [ACKNOWLEDGED, ASSIGNED],
  );
  await observer.query('VACUUM ANALYZE alerts, holds, alert_triage');
  db = openDatabase(database.url, { poolSize: 2, onError: () => {} });
  await db.$queryRaw`SELECT 1`;
});
afterAll(async () => {
  await db?.$disconnect();
  await observer?.end();
  await database?.drop();
});

type Statement = { name: string | undefined; text: string; values: unknown[] };

/** Returns the statements on alerts that `work` sends to PostgreSQL. */
async function statementsOf(work: (db: Database) => Promise<unknown>): Promise<Statement[]> {
  const query = vi.spyOn(pg.Client.prototype, 'query');
  try {
    await work(db);
    const sent = query.mock.calls.map(([config, values]) => {
      const {
        name,
        text,
        values: own,
      } = typeof config === 'string' ? { text: config } : (config as Partial<Statement>);
      return { name, text: text ?? '', values: own ?? (Array.isArray(values) ? values : []) };
    });
    return sent.filter(({ text }) => /\balerts\b/.test(text));
  } finally {
    query.mockRestore();
  }
}

const planSchema = z.looseObject({
  'Node Type': z.string(),
  'Relation Name': z.string().optional(),
  'Actual Rows': z.number(),
  'Actual Loops': z.number(),
  'Rows Removed by Filter': z.number().default(0),
  'Rows Removed by Index Recheck': z.number().default(0),
  get Plans() {
    return z.array(planSchema).default([]);
  },
});
type Plan = z.infer<typeof planSchema>;

/** Runs the statement in a transaction that is rolled back, and returns its plans: prepared ones also with the generic plan. */
async function plansOf({ name, text, values }: Statement): Promise<Plan[]> {
  const modes = name === undefined ? ['force_custom_plan'] : ['force_custom_plan', 'force_generic_plan'];
  const plans: Plan[] = [];
  for (const mode of modes) {
    await observer.query('BEGIN');
    await observer.query(`SET LOCAL plan_cache_mode = ${mode}`);
    const { rows } = await observer.query(`EXPLAIN (ANALYZE, FORMAT JSON) ${text}`, values);
    await observer.query('ROLLBACK');
    plans.push(planSchema.parse(rows[0]['QUERY PLAN'][0].Plan));
  }
  return plans;
}

function nodesOf(plan: Plan): Plan[] {
  return [plan, ...plan.Plans.flatMap(nodesOf)];
}

function rowsRead(node: Plan): number {
  const removed = node['Rows Removed by Filter'] + node['Rows Removed by Index Recheck'];
  return (node['Actual Rows'] + removed) * node['Actual Loops'];
}

/** Returns what makes the statement slower as the table grows: a scan of the whole table, or a scan or sort of more than `maxRows`. */
function problemsOf(plan: Plan, maxRows: number): string[] {
  return nodesOf(plan).flatMap((node) => {
    const type = node['Node Type'];
    const onAlerts = node['Relation Name'] === 'alerts';
    if (onAlerts && type === 'Seq Scan') return ['sequential scan'];
    if (/Scan$/.test(type) && rowsRead(node) > maxRows) return [`${type} reads ${rowsRead(node)} rows`];
    const input = node.Plans.reduce((sum, child) => sum + child['Actual Rows'] * child['Actual Loops'], 0);
    if (/Sort$/.test(type) && input > maxRows) return [`${type} of ${input} rows`];
    return [];
  });
}

async function expectFlat(maxRows: number, work: (db: Database) => Promise<unknown>): Promise<void> {
  const statements = await statementsOf(work);
  expect(statements.length).toBeGreaterThan(0);
  for (const statement of statements) {
    for (const plan of await plansOf(statement)) {
      expect(problemsOf(plan, maxRows), `${statement.text}\n${JSON.stringify(plan, null, 1)}`).toEqual([]);
    }
  }
}

const LIMIT = 51;
const MIDDLE = { receivedAt: new Date('2026-01-06T12:00:00Z'), id: BigInt(ROWS / 2) };
const DAY = { from: new Date('2026-01-05'), to: new Date('2026-01-06') };

describe(`with ${ROWS} alerts stored`, () => {
  it.each([
    ['all', {}, undefined],
    ['all, deep page', {}, MIDDLE],
    ['a day', DAY, undefined],
    ['a store', { store: 'store-3' }, undefined],
    ['a store, deep page', { store: 'store-3' }, MIDDLE],
    ['a store without alerts', { store: 'unknown' }, undefined],
    ['several stores', { stores: ['store-3', 'store-5'] }, undefined],
    ['failed alerts', { status: 'failed' }, undefined],
    ['failed alerts, deep page', { status: 'failed' }, MIDDLE],
    ['a failure code', { failureCode: 'video_timeout' }, undefined],
    ['a failure code, deep page', { failureCode: 'video_timeout' }, MIDDLE],
    ['a failure code of failed alerts', { status: 'failed', failureCode: 'worker_crashed' }, undefined],
    ['a failure code of a day', { status: 'failed', failureCode: 'worker_crashed', ...DAY }, undefined],
    ['failed alerts of a store', { store: 'store-7', status: 'failed' }, undefined],
    ['failed alerts of a store without any', { store: 'store-8', status: 'failed' }, undefined],
  ] as const)('a page of %s reads few more rows than it returns, in both orders', async (_, filter, after) => {
    const page = { limit: LIMIT, after };
    for (const oldestFirst of [false, true])
      await expectFlat(LIMIT + SPARE, (db) => listAlerts(db, { ...filter }, { ...page, oldestFirst }));
  });

  it.each([
    ['pending alerts', { status: 'pending' }],
    ['alerts in progress', { status: 'processing' }],
    ['pending alerts of a store', { store: 'store-1', status: 'pending' }],
  ] as const)('a page of %s reads at most the unfinished alerts', async (_, filter) => {
    await expectFlat(UNFINISHED + SPARE, (db) => listAlerts(db, { ...filter }, { limit: LIMIT }));
  });

  it.each([
    ['held alerts', {}, undefined],
    ['held alerts, deep page', {}, MIDDLE],
    ['held alerts of a store', { store: 'store-3' }, undefined],
    ['held alerts of several stores', { stores: ['store-3', 'store-5'] }, undefined],
    ['held alerts of a day', DAY, undefined],
    ['held alerts that were processed', { status: 'processed' }, MIDDLE],
  ] as const)('a page of %s reads only the held alerts', async (_, filter, after) => {
    // PostgreSQL rounds the rows that a filter removes up to one per held alert.
    await expectFlat(2 * HELD + SPARE, (db) => listAlerts(db, { ...filter, held: true }, { limit: LIMIT, after }));
  });

  it('a page of alerts that are not held reads few more rows than it returns', async () => {
    await expectFlat(LIMIT + SPARE, (db) => listAlerts(db, { held: false }, { limit: LIMIT, after: MIDDLE }));
  });

  it.each([
    ['assigned alerts', { triage: { assignee: 'anna' } }, undefined],
    ['assigned alerts of a store', { triage: { assignee: 'anna' }, store: 'store-3' }, undefined],
    ['alerts that are assigned to nobody', { triage: { assignee: 'ben' } }, undefined],
    ['acknowledged alerts', { triage: 'acknowledged' }, undefined],
    ['acknowledged alerts, deep page', { triage: 'acknowledged' }, MIDDLE],
    ['acknowledged alerts of a day', { triage: 'acknowledged', ...DAY }, undefined],
    ['open alerts', { triage: 'open' }, undefined],
    ['open alerts, deep page', { triage: 'open' }, MIDDLE],
    ['open alerts of a store', { triage: 'open', store: 'store-7' }, undefined],
    ['open alerts of several stores', { triage: 'open', stores: ['store-7', 'store-8'] }, undefined],
    ['open alerts with a failure code', { triage: 'open', failureCode: 'video_timeout' }, undefined],
    ['open alerts of a day', { triage: 'open', ...DAY }, undefined],
  ] as const)('a page of %s reads few more rows than it has, and the acknowledged ones', async (_, filter, after) => {
    for (const oldestFirst of [false, true]) {
      const page = { limit: LIMIT, after, oldestFirst };
      await expectFlat(ACKNOWLEDGED + LIMIT + SPARE, (db) => listAlerts(db, { ...filter }, page));
    }
  });

  it('finding one alert, or failed alerts, reads no other rows', async () => {
    await expectFlat(1, (db) => findAlert(db, filledUuid(1_000)));
    // One percent failed, and all of them are counted.
    await expectFlat(ROWS / 200 + SPARE, (db) => findFailed(db, { failureCode: 'video_timeout' }, 100));
    await expectFlat(ROWS / 200 + SPARE, (db) => findFailed(db, { store: 'store-7', ...DAY }, 100));
  });

  it('the writes of every alert read only its row', async () => {
    const alert = { uuid: randomUUID(), video: '/a.mp4', store: 'store-1', timestamp: 1, requestId: 'r' };
    const { uuid } = alert;
    await expectFlat(1, (db) => addPending(db, alert));
    await expectFlat(1, (db) => addPending(db, alert));
    await expectFlat(1, (db) => claim(db, uuid));
    await expectFlat(1, (db) => release(db, { uuid, claim: 1 }, 0, { refund: false }));
    await claim(db, uuid);
    const failure = { code: 'video_timeout', detail: 'late' } as const;
    await expectFlat(1, (db) => recordFailure(db, { uuid, claim: 2 }, failure, 0));
    await expectFlat(1, (db) => markNotified(db, { uuid, claim: 2 }));
    await expectFlat(1, (db) => retryFailed(db, [uuid], { claims: 2, retryKey: 'key' }));
    await claim(db, uuid);
    const resolution = { width: 16, height: 16, rotation: 0, codec: 'h264', container: 'mp4', duration: 1 };
    await expectFlat(1, (db) => recordResolution(db, { uuid, claim: 3 }, { ...resolution, resolution: '16x16' }, 0));
  });

  it('listOverdue reads only unfinished alerts', async () => {
    await expectFlat(50 + SPARE, (db) => listOverdue(db, { quietMs: 60_000, limit: 50 }));
  });

  it('the age of the oldest unfinished alert reads the first row of two indexes', async () => {
    await expectFlat(2 + SPARE, (db) => oldestUnfinishedSeconds(db));
  });

  it('reading changes reads only those after the position', async () => {
    const { now } = await readFeedBounds(db);
    await addPending(db, { uuid: randomUUID(), video: '/a.mp4', store: 'store-1', timestamp: 1, requestId: 'r' });
    const start = { xid: 0n, id: 0n };
    // The rows of the index scan are read again for their filter and sorted: the rows of a node count twice.
    await expectFlat(2 * 100 + SPARE, (db) => readChanges(db, now, { limit: 100, scan: 100 }));
    await expectFlat(2 * 100 + SPARE, (db) => readChanges(db, start, { limit: 100, scan: 100 }));
    // However few rows match the filter.
    const stores = ['unknown'];
    await expectFlat(2 * 500 + SPARE, (db) => readChanges(db, start, { limit: 100, scan: 500 }, { stores }));
    await expectFlat(2 * 500 + SPARE, (db) => readChanges(db, start, { limit: 100, scan: 500 }, { status: 'pending' }));
  });

  it('statistics read only their period', async () => {
    const rows = (24 * 3_600) / 5;
    await expectFlat(rows + SPARE, (db) => countAlerts(db, {}, DAY));
    await expectFlat(rows + SPARE, (db) => countAlerts(db, { store: 'store-3' }, DAY));
    const lastHours = new Date(Date.parse('2026-01-01') + ROWS * 5_000 - 3_600_000);
    await expectFlat(720 + SPARE, (db) => minutesOf(db, {}, lastHours));
  });

  it('the overview of the stores reads only its two periods and the stores', async () => {
    const { from, to } = DAY;
    const previousFrom = new Date('2026-01-04');
    await expectFlat((2 * 24 * 3_600) / 5 + SPARE, (db) => summarizeStores(db, { previousFrom, from, to }));
    const ofStore = (24 * 3_600) / 5 / 200;
    await expectFlat(3 * ofStore + SPARE, (db) =>
      countBuckets(db, ['store-3', 'store-5'], { from, to, seconds: 3_600 }),
    );
  });

  it('the statements above use every index of the table', async () => {
    const unused = async () => {
      const { rows } = await observer.query<{ name: string }>(`
        SELECT indexrelname AS name FROM pg_stat_user_indexes WHERE relname = 'alerts' AND idx_scan = 0 ORDER BY name`);
      return rows.map(({ name }) => name);
    };
    // A session reports its use of indexes after a second.
    await expect.poll(unused, { timeout: 150_000 }).toEqual([]);
  });
});
