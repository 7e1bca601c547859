import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { claimDeliveries, claimDelivery, deliverySucceeded, dueDestinations } from '../deliveries.ts';
import { formGroups } from '../delivery-groups.ts';
import { findDelivery, listDeliveries, MAX_MATCHED, retryDeliveries } from '../delivery-listing.ts';
import { deleteDestination, setEnabled, spaceBacklog } from '../destination-backlog.ts';
import { destinationHealth, MAX_COUNT } from '../destinations.ts';
import { openDeliveryFixture } from './delivery-fixture.ts';

const PENDING = 100_000;
const DELIVERED = 100_000;
/** Neighbouring rows that a statement reads in addition to the rows that it returns. */
const SPARE = 50;

let fixture: Awaited<ReturnType<typeof openDeliveryFixture>>;
let observer: pg.Client;
let busy: string;
let quiet: string;
beforeAll(async () => {
  fixture = await openDeliveryFixture();
  busy = (await fixture.destination()).id;
  quiet = (await fixture.destination()).id;
  observer = new pg.Client({ connectionString: fixture.url });
  await observer.connect();
  await observer.query(
    `INSERT INTO deliveries (destination_id, event, store, snapshot, status, created_at, next_attempt_at)
     SELECT $1::uuid, 'alert.processed', 'store-' || n % 20, '{}', (CASE WHEN n <= $2::int THEN 'delivered' ELSE 'pending' END)::delivery_status,
       now() - interval '1 day' + n * interval '100 ms', now() - interval '1 hour' + n * interval '10 ms'
     FROM generate_series(1, $2::int + $3::int) n`,
    [busy, DELIVERED, PENDING],
  );
  await observer.query('SET default_statistics_target = 1000');
  await observer.query('VACUUM ANALYZE deliveries');
  await fixture.finish();
}, 600_000);
afterAll(async () => {
  await observer?.end();
  await fixture?.close();
});

type Plan = { [key: string]: unknown; Plans?: Plan[] };

/** Returns the scans of deliveries in the plans of what `work` sends, as `node: rows read`. Nothing is changed twice. */
async function scansOf(work: () => Promise<unknown>): Promise<{ type: string; rows: number }[]> {
  const query = vi.spyOn(pg.Client.prototype, 'query');
  let sent: { text: string; values: unknown[] }[];
  try {
    await work();
    sent = query.mock.calls.map(([config, values]) => {
      const { text = '', values: own } = (
        typeof config === 'string' ? { text: config } : config
      ) as Partial<pg.QueryConfig>;
      return { text, values: own ?? (Array.isArray(values) ? values : []) };
    });
  } finally {
    query.mockRestore();
  }
  const scans: { type: string; rows: number }[] = [];
  for (const { text, values } of sent.filter((each) => /\bdeliveries\b/.test(each.text))) {
    await observer.query('BEGIN');
    const { rows } = await observer.query(`EXPLAIN (ANALYZE, FORMAT JSON) ${text}`, values);
    await observer.query('ROLLBACK');
    scans.push(...scansIn(rows[0]['QUERY PLAN'][0].Plan));
  }
  expect(scans.length).toBeGreaterThan(0);
  return scans;
}

function scansIn(plan: Plan): { type: string; rows: number }[] {
  const number = (key: string) => Number(plan[key] ?? 0);
  const rows =
    (number('Actual Rows') + number('Rows Removed by Filter') + number('Rows Removed by Index Recheck')) *
    number('Actual Loops');
  const own =
    plan['Relation Name'] === 'deliveries' && /Scan$/.test(String(plan['Node Type']))
      ? [{ type: String(plan['Node Type']), rows }]
      : [];
  return [...own, ...(plan.Plans ?? []).flatMap(scansIn)];
}

async function expectAtMost(maxRows: number, work: () => Promise<unknown>) {
  const scans = await scansOf(work);
  expect(scans.filter(({ type, rows }) => rows > maxRows || (type === 'Seq Scan' && rows > 0))).toEqual([]);
}

describe(`with ${PENDING} pending and ${DELIVERED} delivered ones`, { timeout: 300_000 }, () => {
  it('the sweep and claims read only what they return', async () => {
    await expectAtMost(2, () => dueDestinations(fixture.db));
    const options = { limit: 10, leaseMs: 60_000 };
    await expectAtMost(10 + SPARE, () => claimDeliveries(fixture.db, { destinationId: busy, ...options }));
    await expectAtMost(10 + SPARE, () => claimDeliveries(fixture.db, { destinationId: quiet, ...options }));
    await expectAtMost(SPARE, () => claimDelivery(fixture.db, randomUUID(), 1_000));
    await expectAtMost(SPARE, () => deliverySucceeded(fixture.db, { id: randomUUID(), attempts: 1 }, { ms: 1 }));
    await expectAtMost(SPARE, () => formGroups(fixture.db, quiet));
  });

  it.each([
    ['all', () => ({})],
    ['a destination', () => ({ destination: busy })],
    ['pending ones', () => ({ status: 'pending' as const })],
    ['failed ones', () => ({ status: 'failed' as const })],
    ['failed ones of a destination', () => ({ status: 'failed' as const, destination: busy })],
    ['a store', () => ({ stores: ['store-3'] })],
    ['a store without any', () => ({ stores: ['unknown'] })],
    ['several stores', () => ({ stores: ['store-3', 'store-4'] })],
    ['an alert', () => ({ alert: randomUUID() })],
  ])('a page of %s reads few more rows than it returns', async (_, filter) => {
    const page = { limit: 51, after: { createdAt: new Date(Date.now() - 70_000_000), id: randomUUID() } };
    await expectAtMost(51 + SPARE, () => listDeliveries(fixture.db, filter(), { limit: 51 }));
    await expectAtMost(51 + SPARE, () => listDeliveries(fixture.db, filter(), page));
    await expectAtMost(1, () => findDelivery(fixture.db, randomUUID()));
  });

  it('counts stop at their limit', async () => {
    await expectAtMost(MAX_COUNT + SPARE, () => destinationHealth(fixture.db));
    expect((await destinationHealth(fixture.db)).get(busy)?.pending).toBe(MAX_COUNT);
    const dryRun = { max: 100, ratePerS: 10, dryRun: true };
    await expectAtMost(MAX_MATCHED, () => retryDeliveries(fixture.db, { destination: busy }, dryRun));
  });

  it('enabling and deleting work page by page', { timeout: 600_000 }, async () => {
    expect(await setEnabled(fixture.db, busy, true, { ratePerS: 1_000 })).toBe(true);
    expect(await spaceBacklog(fixture.db, busy, 1_000)).toBe(true);
    const [spaced] = await fixture.db.$queryRaw<{ s: number }[]>`
      SELECT extract(epoch FROM max(next_attempt_at) - now())::float8 AS s FROM deliveries WHERE status = 'pending'`;
    expect(spaced?.s).toBeGreaterThan(PENDING / 1_000 - 60);
    expect(await deleteDestination(fixture.db, busy, 120_000)).toBe(true);
    expect(await fixture.db.delivery.count({ where: { destinationId: busy } })).toBe(0);
  });
});
