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
  takeOverdue,
} from '../alerts.ts';
import { readChanges, readHorizon } from '../change-feed.ts';
import { type Database, openDatabase } from '../client.ts';
import { countAlerts, minutesOf } from '../statistics.ts';

const ROWS = 200_000;
const OWED = 100;
/** Given back between two claims, and so on: rows that a statement looks at to find the few that it wants. */
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
    [OWED],
  );
  await observer.query('VACUUM ANALYZE alerts');
  db = openDatabase(database.url, { poolSize: 2, onError: () => {} });
  await db.$queryRaw`SELECT 1`;
});
afterAll(async () => {
  await db?.$disconnect();
  await observer?.end();
  await database?.drop();
});

type Statement = { name: string | undefined; text: string; values: unknown[] };

/** The statements on alerts that the work sends, as they go to PostgreSQL. */
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

/** What PostgreSQL did for the statement, undone again. A prepared one is also run by the plan for any values. */
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

function rowsLookedAt(node: Plan): number {
  const removed = node['Rows Removed by Filter'] + node['Rows Removed by Index Recheck'];
  return (node['Actual Rows'] + removed) * node['Actual Loops'];
}

/** What makes the statement dearer the larger the table is: a scan of all of it, or of far more than is wanted; a sort of them. */
function faultsOf(plan: Plan, most: number): string[] {
  return nodesOf(plan).flatMap((node) => {
    const type = node['Node Type'];
    const onAlerts = node['Relation Name'] === 'alerts';
    if (onAlerts && type === 'Seq Scan') return ['a scan of the whole table'];
    if (/Scan$/.test(type) && rowsLookedAt(node) > most) return [`${type} looks at ${rowsLookedAt(node)} rows`];
    const input = node.Plans.reduce((sum, child) => sum + child['Actual Rows'] * child['Actual Loops'], 0);
    if (/Sort$/.test(type) && input > most) return [`${type} of ${input} rows`];
    return [];
  });
}

async function expectFlat(most: number, work: (db: Database) => Promise<unknown>): Promise<void> {
  const statements = await statementsOf(work);
  expect(statements.length).toBeGreaterThan(0);
  for (const statement of statements) {
    for (const plan of await plansOf(statement)) {
      expect(faultsOf(plan, most), `${statement.text}\n${JSON.stringify(plan, null, 1)}`).toEqual([]);
    }
  }
}

const LIMIT = 51;
const MIDDLE = { receivedAt: new Date('2026-01-06T12:00:00Z'), id: BigInt(ROWS / 2) };
const DAY = { from: new Date('2026-01-05'), to: new Date('2026-01-06') };

describe(`with ${ROWS} alerts stored`, () => {
  it.each([
    ['all', {}, undefined],
    ['all, far down', {}, MIDDLE],
    ['a day', DAY, undefined],
    ['a store', { store: 'store-3' }, undefined],
    ['a store, far down', { store: 'store-3' }, MIDDLE],
    ['a store that has none', { store: 'nobody' }, undefined],
    ['several stores', { stores: ['store-3', 'store-5'] }, undefined],
    ['the failed', { status: 'failed' }, undefined],
    ['the failed, far down', { status: 'failed' }, MIDDLE],
    ['a failure', { failureCode: 'video_timeout' }, undefined],
    ['a failure, far down', { failureCode: 'video_timeout' }, MIDDLE],
    ['a failure of the failed', { status: 'failed', failureCode: 'worker_crashed' }, undefined],
    ['a failure of a day', { status: 'failed', failureCode: 'worker_crashed', ...DAY }, undefined],
    ['the failed of a store', { store: 'store-7', status: 'failed' }, undefined],
    ['the failed of a store that has none', { store: 'store-8', status: 'failed' }, undefined],
  ] as const)('a page of %s looks at little more than it gives', async (_, filter, after) => {
    await expectFlat(LIMIT + SPARE, (db) => listAlerts(db, { ...filter }, { limit: LIMIT, after }));
  });

  it.each([
    ['the pending', { status: 'pending' }],
    ['those in work', { status: 'processing' }],
    ['the pending of a store', { store: 'store-1', status: 'pending' }],
  ] as const)('a page of %s looks at what is owed, at the most', async (_, filter) => {
    await expectFlat(OWED + SPARE, (db) => listAlerts(db, { ...filter }, { limit: LIMIT }));
  });

  it('finding one alert, and what failed, looks at no other rows', async () => {
    await expectFlat(1, (db) => findAlert(db, filledUuid(1_000)));
    // A hundredth failed, all of whom are counted.
    await expectFlat(ROWS / 200 + SPARE, (db) => findFailed(db, { failureCode: 'video_timeout' }, 100));
    await expectFlat(ROWS / 200 + SPARE, (db) => findFailed(db, { store: 'store-7', ...DAY }, 100));
  });

  it('what every alert costs touches its row alone', async () => {
    const alert = { uuid: randomUUID(), video: '/a.mp4', store: 'store-1', timestamp: 1, requestId: 'r' };
    const { uuid } = alert;
    await expectFlat(1, (db) => addPending(db, alert));
    await expectFlat(1, (db) => addPending(db, alert));
    await expectFlat(1, (db) => claim(db, uuid));
    await expectFlat(1, (db) => release(db, { uuid, attempt: 1 }, 0, { refund: false }));
    await claim(db, uuid);
    const failure = { code: 'video_timeout', detail: 'late' } as const;
    await expectFlat(1, (db) => recordFailure(db, { uuid, attempt: 2 }, failure, 0));
    await expectFlat(1, (db) => markNotified(db, uuid));
    await expectFlat(1, (db) => retryFailed(db, [uuid]));
    await claim(db, uuid);
    const facts = { width: 16, height: 16, rotation: 0, codec: 'h264', container: 'mp4', duration: 1 };
    await expectFlat(1, (db) => recordResolution(db, { uuid, attempt: 3 }, { ...facts, resolution: '16x16' }, 0));
  });

  it('taking what is owed looks at what is owed', async () => {
    await expectFlat(50 + SPARE, (db) => takeOverdue(db, { quietMs: 60_000, limit: 50 }));
  });

  it('reading changes looks at those behind the reader alone', async () => {
    const { now } = await readHorizon(db);
    await addPending(db, { uuid: randomUUID(), video: '/a.mp4', store: 'store-1', timestamp: 1, requestId: 'r' });
    await expectFlat(100 + SPARE, (db) => readChanges(db, now, 100));
    await expectFlat(100 + SPARE, (db) => readChanges(db, { changed: 0n, id: 0n }, 100));
  });

  it('statistics look at their window', async () => {
    const rows = (24 * 3_600) / 5;
    await expectFlat(rows + SPARE, (db) => countAlerts(db, {}, DAY));
    await expectFlat(rows + SPARE, (db) => countAlerts(db, { store: 'store-3' }, DAY));
    const lastHours = new Date(Date.parse('2026-01-01') + ROWS * 5_000 - 3_600_000);
    await expectFlat(720 + SPARE, (db) => minutesOf(db, {}, lastHours));
  });
});
