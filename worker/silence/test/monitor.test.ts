import { Registry } from '@prometheus-io/client';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '#prisma/client.ts';
import { createDestination } from '#prisma/destinations.ts';
import { createMute } from '#prisma/mutes.ts';
import { listSilences } from '#prisma/silences.ts';
import { createTestDatabase, type TestDatabase } from '#test/harness/test-database.ts';
import { HOUR_MS, hourOfWeekIn } from '../hour-of-week.ts';
import { createSilenceMetrics } from '../metrics.ts';
import { Monitor } from '../monitor.ts';
import { startSilence } from '../start.ts';

let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase(database.url, { poolSize: 4, onError: () => {} });
});
afterAll(async () => {
  await db.$disconnect();
  await database.drop();
});

/** Monday: the clock of these tests. */
const NOW = Date.UTC(2026, 5, 1, 12);
const MINUTE_MS = 60_000;
const log = pino({ level: 'silent' });
const never = new AbortController().signal;
const all = { filterStores: [], filterEvents: [], filterFailureCodes: [] };

beforeEach(async () => {
  await db.$executeRaw`TRUNCATE alerts, destinations, mutes, store_baselines, silence_state, silences CASCADE`;
});

/** Inserts one alert every `everyS` seconds, from `from` to `to` hours after NOW. */
const insert = (
  store: string,
  [from, to]: [number, number],
  everyS: number,
  camera: string | null = null,
) => db.$executeRaw`
  INSERT INTO alerts (uuid, video, store, camera, timestamp, request_id, received_at)
  SELECT gen_random_uuid(), '/a.mp4', ${store}, ${camera}, 1, 'r', at FROM generate_series(
    ${new Date(NOW + from * HOUR_MS)}::timestamptz, ${new Date(NOW + to * HOUR_MS)}::timestamptz,
    make_interval(secs => ${everyS}::float8)) at`;

/** What a worker would have learned in weeks: this many alerts in each hour, the last one at NOW. */
const know = async (perHour: number, ...stores: [store: string, camera?: string][]) => {
  await db.$executeRaw`
    INSERT INTO store_baselines (store, camera, first_at, last_alert_at, learned_until, rates)
    SELECT store, camera, ${new Date(NOW)}::timestamptz - interval '63 days', ${new Date(NOW)}::timestamptz, ${new Date(NOW)}::timestamptz,
      array_fill(${perHour}::real, ARRAY[168])
    FROM unnest(${stores.map(([store]) => store)}::text[], ${stores.map(([, camera = '']) => camera)}::text[]) AS n (store, camera)`;
  await db.$executeRaw`INSERT INTO silence_state (learned_until) VALUES (${new Date(NOW)}::timestamptz)`;
};

/** Opens a monitor with a clock that begins `start` hours after NOW: `at` sets it, and checks. */
async function open(start = 0) {
  const registry = new Registry();
  const clock = { ms: NOW + start * HOUR_MS };
  const triggered: string[] = [];
  let muted = 0;
  const monitor = await Monitor.open(
    {
      ...{ db, log, metrics: createSilenceMetrics(registry), hourOfWeek: hourOfWeekIn('UTC'), minMs: 10 * MINUTE_MS },
      triggerDeliveries: (ids) => void triggered.push(...ids),
      countMuted: (count) => {
        muted += count;
      },
      readTime: async () => new Date(clock.ms),
    },
    never,
  );
  return {
    triggered,
    muted: () => muted,
    metric: async (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(await registry.metrics())?.[1]),
    async at(hours: number) {
      clock.ms = NOW + hours * HOUR_MS;
      await monitor.check();
    },
  };
}

const silences = async (state: 'open' | 'all' = 'open', stores?: string[]) =>
  (await listSilences(db, { state, stores }, { limit: 10 })).map(({ store, camera }) => `${store} ${camera}`);

const deliveries = async () => {
  const rows = await db.delivery.findMany({ orderBy: [{ createdAt: 'asc' }, { id: 'asc' }] });
  return rows.map(({ event, store, status, snapshot, alertId }) => ({ event, store, status, snapshot, alertId }));
};

describe('what is learned', () => {
  it('is the mean of the existing alerts, per store and camera; it stays when they are deleted, and continues', async () => {
    await insert('a', [-8 * 24, -0.001], 600, 'yard');
    await insert('a', [-8 * 24, -0.001], 1_200);
    const monitor = await open();
    await monitor.at(0.02);
    const rows = await db.storeBaseline.findMany({ orderBy: { camera: 'asc' } });
    expect(rows.map(({ store, camera }) => [store, camera])).toEqual([
      ['a', ''],
      ['a', 'yard'],
    ]);
    expect(new Set(rows[0]?.rates)).toEqual(new Set([9]));
    expect(new Set(rows[1]?.rates)).toEqual(new Set([6]));
    expect(rows[0]?.firstAt).toEqual(new Date(NOW - 8 * 24 * HOUR_MS));
    expect(await monitor.metric('alerts_store_baselines')).toBe(2);

    await db.$executeRaw`TRUNCATE alerts CASCADE`;
    await insert('a', [1, 1.999], 60);
    await (await open(1)).at(2.02);
    const [row] = await db.storeBaseline.findMany({ where: { camera: '' } });
    // Of two Mondays: from 12 to 13 none in the second one, from 13 to 14 the mean of 9 and 60.
    expect(row?.rates.slice(11, 15)).toEqual([9, 4.5, 34.5, 9]);
    expect(row?.learnedUntil).toEqual(new Date(NOW + 2 * HOUR_MS));
    expect(await db.silenceState.findMany()).toMatchObject([{ learnedUntil: new Date(NOW + 2 * HOUR_MS) }]);
  });

  it('ignores an hour in which nearly nothing came from any store', async () => {
    await know(60, ['a'], ['b']);
    await insert('a', [1, 1.999], 60);
    const monitor = await open();
    await monitor.at(1.02);
    await monitor.at(2.02);
    expect((await db.storeBaseline.findMany({ orderBy: { store: 'asc' } })).map(({ rates }) => rates[12])).toEqual([
      60, 60,
    ]);
  });

  it('is forgotten four weeks after the last alert, with the silence', async () => {
    await know(100, ['a'], ['b']);
    await insert('b', [0, 3], 30);
    await (await open()).at(2.5);
    expect(await silences()).toEqual(['a null']);
    await db.$executeRaw`UPDATE store_baselines SET last_alert_at = last_alert_at - interval '28 days' WHERE store = 'a'`;
    await (await open(3)).at(3.02);
    expect(await db.storeBaseline.findMany()).toMatchObject([{ store: 'b' }]);
    expect(await silences()).toEqual([]);
  });
});

describe('a silence', () => {
  it('is found within 60 s of the end of its grace, delivered once, and ended', async () => {
    const { id } = await createDestination(db, { name: 'd', kind: 'webhook', config: {}, ...all });
    const other = { ...all, filterStores: ['b'] };
    await createDestination(db, { name: 'other', kind: 'webhook', config: {}, ...other });
    await know(1_000, ['a'], ['b']);
    await insert('b', [0, 2], 10);
    const monitor = await open();
    await monitor.at(1 / 6 - 0.001);
    expect(await silences()).toEqual([]);
    await monitor.at(1 / 6 + 1 / 60);
    await monitor.at(0.3);
    await (await open(0.3)).at(0.31);
    expect(await silences()).toEqual(['a null']);
    expect(await monitor.metric('alerts_silent_stores')).toBe(1);
    const [silent, ...more] = await deliveries();
    expect(more).toEqual([]);
    expect(silent).toMatchObject({ event: 'store.silent', store: 'a', status: 'pending', alertId: null });
    expect(silent?.snapshot).toMatchObject({ store: 'a', camera: null, expected: expect.closeTo(183, 0) });
    expect(new Date(Object(silent?.snapshot).since)).toEqual(new Date(NOW));
    expect(monitor.triggered).toEqual([id]);

    await insert('a', [0.4, 0.4], 10);
    const another = await open(0.4);
    await another.at(0.41);
    await another.at(0.42);
    expect(await silences()).toEqual([]);
    expect(await silences('all')).toEqual(['a null']);
    expect(await silences('all', ['b'])).toEqual([]);
    const [, back, ...rest] = await deliveries();
    expect(rest).toEqual([]);
    expect(back).toMatchObject({ event: 'store.back', store: 'a', snapshot: { camera: null } });
    expect(await another.metric('alerts_silent_stores')).toBe(0);
  });

  it('of a camera names it', async () => {
    await know(1_000, ['a'], ['a', 'yard'], ['b']);
    await insert('a', [0, 1], 10, 'desk');
    await insert('b', [0, 1], 10);
    await (await open()).at(0.5);
    expect(await silences()).toEqual(['a yard']);
  });

  it('that is muted is recorded, and not sent', async () => {
    await createDestination(db, { name: 'd', kind: 'webhook', config: {}, ...all });
    const mute = { store: 'a', failureCode: null, destinationId: null, reason: 'works', createdBy: 'me' };
    await createMute(db, { ...mute, endsAt: new Date(Date.now() + HOUR_MS) });
    await know(1_000, ['a'], ['b']);
    await insert('b', [0, 1], 10);
    const monitor = await open();
    await monitor.at(0.5);
    expect((await deliveries()).map(({ status }) => status)).toEqual(['muted']);
    expect([monitor.triggered, monitor.muted()]).toEqual([[], 1]);
  });

  it('is reported once for all stores when none sends, also after a restart', async () => {
    await createDestination(db, { name: 'd', kind: 'webhook', config: {}, ...all });
    await know(100, ['a'], ['b'], ['c']);
    const monitor = await open();
    await monitor.at(0.1);
    await monitor.at(0.5);
    await (await open(0.6)).at(0.6);
    expect(await silences()).toEqual(['null null']);
    expect((await deliveries()).map(({ event, store }) => [event, store])).toEqual([['store.silent', null]]);
    await insert('a', [0.7, 0.8], 20);
    await insert('b', [0.7, 0.8], 20);
    await (await open(0.7)).at(0.75);
    expect(await silences()).toEqual([]);
    expect((await deliveries()).map(({ event, store }) => [event, store])).toEqual([
      ['store.silent', null],
      ['store.back', null],
    ]);
  });
});

it('two workers share the check: one watches, the other takes over', async () => {
  for (const store of ['a', 'b'])
    await db.$executeRaw`
    INSERT INTO store_baselines (store, camera, first_at, last_alert_at, learned_until, rates)
    VALUES (${store}, '', now() - interval '60 days', now() - interval '2 hours', now(), array_fill(1000::real, ARRAY[168]))`;
  await db.$executeRaw`INSERT INTO silence_state (learned_until) VALUES (date_trunc('hour', now()))`;
  const config = { SILENCE: 'on', SILENCE_GRACE: HOUR_MS, TZ: 'UTC', DATABASE_URL: database.url } as const;
  const registries = [new Registry(), new Registry()] as const;
  const start = (registry: Registry) =>
    startSilence({
      ...{ config, registry, db, log, intervalMs: 50 },
      ...{ triggerDeliveries: () => {}, countMuted: () => {} },
    });
  const watching = async () =>
    Promise.all(
      registries.map(async (registry) => Number(/^alerts_store_baselines (\S+)$/m.exec(await registry.metrics())?.[1])),
    );
  const workers = registries.map(start);
  await expect.poll(async () => (await watching()).sort(), { timeout: 150_000 }).toEqual([0, 2]);
  await expect.poll(() => silences(), { timeout: 150_000 }).toEqual(['null null']);
  const first = (await watching()).indexOf(2);
  await workers[first]?.close();
  await expect.poll(async () => (await watching())[1 - first], { timeout: 150_000 }).toBe(2);
  await workers[1 - first]?.close();
  const off = startSilence({
    ...{ config: { ...config, SILENCE: 'off' }, registry: new Registry(), db, log },
    ...{ triggerDeliveries: () => {}, countMuted: () => {} },
  });
  await off.close();
});
