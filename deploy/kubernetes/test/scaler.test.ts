import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { FailureCode } from '#prisma/generated/enums.ts';
import { createTestDatabase, type TestDatabase } from '#test/harness/test-database.ts';
import { FOLDER } from './objects.ts';
import { createAutoscaler, readTriggers, spec } from './scaler.ts';

let database: TestDatabase;
let admin: pg.Client;
/** Connects as KEDA does. */
let scaler: pg.Client;

beforeAll(async () => {
  database = await createTestDatabase();
  admin = new pg.Client(database.url);
  await admin.connect();
  await admin.query(readFileSync(join(FOLDER, 'overlays/production/scaler.sql'), 'utf8'));
  await admin.query("ALTER ROLE alerts_scaler PASSWORD 'scaler'");
  const url = new URL(database.url);
  url.username = 'alerts_scaler';
  url.password = 'scaler';
  scaler = new pg.Client(url.href);
  await scaler.connect();
});

afterAll(async () => {
  await scaler.end();
  await admin.end();
  await database.drop();
  const server = new pg.Client(inject('postgresUrl'));
  await server.connect();
  await server.query('DROP ROLE alerts_scaler');
  await server.end();
});

beforeEach(async () => {
  await admin.query('TRUNCATE alerts, destinations CASCADE');
});

/** Inserts alerts with these columns. */
async function insert(columns: Record<string, string>, count = 1): Promise<void> {
  const all = {
    uuid: 'gen_random_uuid()',
    video: "'/v.mp4'",
    store: "'s'",
    timestamp: '1',
    request_id: "'r'",
    ...columns,
  };
  await admin.query(
    `INSERT INTO alerts (${Object.keys(all)}) SELECT ${Object.values(all)} FROM generate_series(1, ${count})`,
  );
}

const ago = (text: string) => `now() - interval '${text}'`;
const ahead = (text: string) => `now() + interval '${text}'`;

describe('the triggers', () => {
  it('are 0 without alerts', async () => {
    expect(await readTriggers(scaler)).toEqual({ alerts: 0, oldest: 0, 'messages-and-pictures': 0 });
  });

  it.each<[string, Record<string, string>, number]>([
    ['a new alert', {}, 1],
    ['an alert that is processed', { status: "'processing'", started_at: 'now()' }, 1],
    ['an alert without its notification', { status: "'processed'", processed_at: 'now()' }, 1],
    ['a processed alert', { status: "'processed'", processed_at: 'now()', notified_at: 'now()' }, 0],
    ['a failed alert', { status: "'failed'", failure_code: "'video_unreadable'", notified_at: 'now()' }, 0],
    ['a late alert whose next attempt is in the future', { next_attempt_at: ahead('9 minutes'), attempts: '7' }, 0],
    ['a late alert whose next attempt is due', { next_attempt_at: ago('9 seconds'), attempts: '7' }, 1],
    ['an attempt after a late one', { status: "'processing'", next_attempt_at: ahead('9 minutes') }, 1],
  ])('count %s', async (_what, columns, expected) => {
    await insert(columns, 3);
    expect((await readTriggers(scaler)).alerts).toBe(3 * expected);
  });

  it.each<[string, Record<string, string>, number]>([
    ['a new alert', { received_at: ago('80 seconds') }, 80],
    ['a due retry', { received_at: ago('1 hour'), next_attempt_at: ago('20 seconds') }, 20],
    ["an operator's retry", { received_at: ago('1 day'), round_started_at: ago('50 seconds') }, 50],
    ['a retry in the future', { received_at: ago('1 hour'), next_attempt_at: ahead('1 minute') }, 0],
    ['an alert that is processed', { received_at: ago('1 hour'), status: "'processing'" }, 0],
  ])('measure how long %s has waited for a worker', async (_what, columns, expected) => {
    await insert(columns);
    await insert({ received_at: ago('2 hours'), status: "'processed'", processed_at: 'now()', notified_at: 'now()' });
    const { oldest = Number.NaN } = await readTriggers(scaler);
    expect(oldest).toBeGreaterThanOrEqual(expected);
    expect(oldest).toBeLessThan(expected === 0 ? 0.001 : expected + 600);
  });

  it('count the alerts that wait for a video server that fails as one', async () => {
    const waiting = { received_at: ago('1 hour'), next_attempt_at: ago('4 minutes'), last_error_at: ago('50 minutes') };
    await insert({ ...waiting, last_error: "'video_server_unreachable: connection refused'" }, 700);
    await insert({ ...waiting, last_error: "'video_timeout: no response'" }, 700);
    expect(await readTriggers(scaler)).toMatchObject({ alerts: 1, oldest: 0 });
    await insert({}, 4);
    expect((await readTriggers(scaler)).alerts).toBe(5);
    // An operator retried them after that: the error is one of the last round.
    await admin.query(
      `UPDATE alerts SET round_started_at = ${ago('2 minutes')}, next_attempt_at = NULL WHERE last_error IS NOT NULL`,
    );
    expect((await readTriggers(scaler)).alerts).toBe(1404);
  });

  it('know the codes of a video server that fails', () => {
    const prefixes = ['video_server_', 'video_timeout'];
    const codes = Object.values(FailureCode).filter((code) => prefixes.includes(code.slice(0, 13)));
    expect(codes.toSorted()).toEqual(['video_server_error', 'video_server_unreachable', 'video_timeout']);
    for (const prefix of prefixes) expect(spec.triggers[0]?.metadata.query).toContain(`'${prefix}'`);
  });

  it('count due messages, pictures and copies', async () => {
    await insert({ status: "'processed'", processed_at: 'now()', notified_at: 'now()' }, 4);
    await admin.query(`INSERT INTO pictures (alert_id, next_attempt_at)
      SELECT id, CASE WHEN row_number() OVER () > 1 THEN ${ago('1 second')} ELSE ${ahead('1 minute')} END FROM alerts`);
    expect((await readTriggers(scaler))['messages-and-pictures']).toBe(3);
    await admin.query(`INSERT INTO copies (alert_id, archive) SELECT id, row_number() OVER () > 2 FROM alerts`);
    expect((await readTriggers(scaler))['messages-and-pictures']).toBe(103);
  });

  it.each<[string, string, number]>([
    ['all messages of a destination', '', 6],
    ['one message of a destination that fails', 'consecutive_failures = 2', 1],
    [
      'one message when a failing destination is tried again',
      `consecutive_failures = 9, blocked_until = ${ago('1 second')}`,
      1,
    ],
    ['no message of a blocked destination', `consecutive_failures = 9, blocked_until = ${ahead('1 minute')}`, 0],
    ['no message of a disabled destination', 'enabled = false', 0],
  ])('count %s', async (_what, state, expected) => {
    await admin.query("INSERT INTO destinations (name, kind, config) VALUES ('shop', 'webhook', '{}')");
    if (state !== '') await admin.query(`UPDATE destinations SET ${state}`);
    const add = (status: string, next: string, count: number) =>
      admin.query(`INSERT INTO deliveries (destination_id, event, snapshot, status, next_attempt_at)
        SELECT id, 'store.silent', '{}', '${status}', ${next} FROM destinations, generate_series(1, ${count})`);
    await add('pending', ago('1 second'), 6);
    await add('pending', ahead('1 minute'), 5);
    await add('delivered', ago('1 minute'), 4);
    expect((await readTriggers(scaler))['messages-and-pictures']).toBe(expected);
  });
});

describe('the role of the triggers', () => {
  it.each([
    ['read other columns', 'SELECT store FROM alerts'],
    ['read secrets', 'SELECT secrets FROM destinations'],
    ['read keys', 'SELECT * FROM api_keys'],
    ['write', 'UPDATE alerts SET notified_at = now()'],
  ])('may not %s', async (_what, sql) => {
    await expect(scaler.query(sql)).rejects.toMatchObject({ code: expect.stringMatching(/^(42501|25006)$/) });
  });

  it('can be created again', async () => {
    await admin.query(readFileSync(join(FOLDER, 'overlays/production/scaler.sql'), 'utf8'));
  });
});

describe('the formula', () => {
  const tick = spec.pollingInterval;

  /** Returns the number of workers at each tick. */
  function replay(alerts: number[], settings = spec): number[] {
    const scale = createAutoscaler(settings);
    return alerts.map((value, index) => scale(index * tick, { alerts: value, oldest: 0, 'messages-and-pictures': 0 }));
  }

  it('keeps two workers without work, and doubles them up to ten', () => {
    expect(replay([0, 5_000, 5_000, 5_000, 50_000])).toEqual([2, 6, 10, 10, 10]);
  });

  it('starts from zero, with one worker first', () => {
    expect(replay([0, 4_800, 4_800, 4_800], { ...spec, minReplicaCount: 0 })).toEqual([0, 1, 5, 10]);
  });

  it('removes one worker a minute, from five minutes after the last work on', () => {
    const counts = replay([5_000, 5_000, 5_000, ...Array(60).fill(0)]);
    const idleTicks = 300 / tick;
    expect(counts.slice(0, 3 + idleTicks)).toEqual([6, 10, 10, ...Array(idleTicks).fill(10)]);
    const removals = counts.slice(3 + idleTicks).map((count, index, all) => (all[index - 1] ?? 10) - count);
    expect(removals.slice(0, 9)).toEqual([1, 0, 0, 0, 1, 0, 0, 0, 1]);
    expect(counts.at(-1)).toBe(2);
  });

  it('removes all workers after the cooldown, if none is the minimum', () => {
    const counts = replay([5_000, 5_000, 5_000, ...Array(30).fill(0)], { ...spec, minReplicaCount: 0 });
    const idleTicks = spec.cooldownPeriod / tick;
    expect(counts).toEqual([1, 5, 10, ...Array(idleTicks).fill(10), ...Array(30 - idleTicks).fill(0)]);
  });
});
