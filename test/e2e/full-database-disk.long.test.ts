import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import { migrate } from '#prisma/migrate.ts';
import { type PostgresServer, startPostgres } from '#test/harness/postgres.ts';
import { mountSmallDisk, type SmallDisk } from '#test/harness/small-disk.ts';
import { type Backend, createStack, type Stack } from '#test/harness/stack.ts';
import { startTcpProxy } from '#test/harness/tcp-proxy.ts';

const DISK_MIB = 256;
const TIMEOUT = 900_000;
const POLL = { timeout: 300_000, interval: 200 };
const FULL_LOG = "SELECT pg_logical_emit_message(true, 'test', 'x'), pg_switch_wal()";
const FULL = 'the disk of the database is full: free space';
/** PostgreSQL has stopped if it rejects queries for this time: it can keep running after its recovery has failed. */
const STOPPED_AFTER_MS = 30_000;
/** Alerts until nothing fits into the pages that the tables already have. */
const MAX_ALERTS = 20_000;

const onPostgres = mountSmallDisk(DISK_MIB);
const onRedis = onPostgres && mountSmallDisk(DISK_MIB);
const ofLog = onPostgres && mountSmallDisk(DISK_MIB);
afterAll(() => {
  for (const disk of [onPostgres, onRedis, ofLog]) disk?.unmount();
});

describe.skipIf(!onPostgres)('a full disk of the database', { timeout: TIMEOUT }, () => {
  it('rejects new alerts and loses none, queue on postgres', () => fillAndRelease('postgres', onPostgres));
  it.skipIf(inject('redisCommand') === null)('rejects new alerts and loses none, queue on redis', () =>
    fillAndRelease('redis', onRedis),
  );
  it('without space for the log stops PostgreSQL; its restart is enough', () => stopByFullLog(ofLog));
});

async function fillAndRelease(backend: Backend, disk: SmallDisk | undefined): Promise<void> {
  if (!disk) throw new Error('no disk');
  const { stack, query } = await openStackOnDisk(backend, disk);
  const [worker] = stack.workers;
  const accepted = new Set<string>();
  for (let n = 0; n < 20; n += 1) accepted.add(await stack.post());
  await stack.waitUntilNotified([...accepted][0] ?? '');

  worker?.pause();
  for (let n = 0; n < 20; n += 1) accepted.add(await stack.post());
  disk.fill();
  const rejected = await postUntilRejected(stack, accepted);
  await expectFull(stack);
  worker?.resume();
  // Reads succeed, and rejected requests can be repeated. A page with space for one more row may still be found.
  expect((await stack.request(`/alerts/${[...accepted][0]}`)).status).toBe(200);
  expect([202, 503]).toContain((await postAlert(stack, rejected)).status);
  const waiting = await query('SELECT count(*)::int AS n FROM alerts WHERE notified_at IS NULL');
  expect(waiting[0]?.n).toBeGreaterThan(0);

  disk.release();
  await expect.poll(async () => (await stack.request('/readyz')).status, POLL).toBe(200);
  await expect.poll(async () => (await fetch(`${stack.opsUrl}/readyz`)).status, POLL).toBe(200);
  expect(await gauge(stack.apiUrl, 'disk_full{disk="database"}')).toBe(0);
  expect([200, 202]).toContain((await postAlert(stack, rejected)).status);
  accepted.add(rejected);
  const unfinished = () => query('SELECT uuid, status, last_error FROM alerts WHERE notified_at IS NULL LIMIT 5');
  await expect.poll(unfinished, POLL).toEqual([]);
  const rows = await query('SELECT uuid, status, attempts FROM alerts');
  expect(new Set(rows.map(({ uuid }) => uuid))).toEqual(accepted);
  expect(rows.filter(({ status }) => status !== 'processed')).toEqual([]);
}

/** PostgreSQL cannot create the next file of its log: it stops, and its supervisor or operator restarts it. */
async function stopByFullLog(disk: SmallDisk | undefined): Promise<void> {
  if (!disk) throw new Error('no disk');
  const { stack, postgres, proxy, query } = await openStackOnDisk('postgres', disk);
  stack.workers[0]?.pause();
  const accepted: string[] = [];
  for (let n = 0; n < 20; n += 1) accepted.push(await stack.post());
  disk.fill();
  let lastSuccess = Date.now();
  while (isRunning(postgres) && Date.now() - lastSuccess < STOPPED_AFTER_MS) {
    const isWritten = await query(FULL_LOG).then(
      () => true,
      () => sleep(20, false),
    );
    if (isWritten) lastSuccess = Date.now();
  }
  const response = await postAlert(stack, randomUUID());
  expect([response.status, await response.json()]).toMatchObject([503, { detail: 'The database is unavailable.' }]);
  stack.workers[0]?.resume();

  disk.release();
  await postgres.restart({ crash: false });
  proxy.connectTo(postgres.port);
  const processed = async () => {
    const rows = await query(`SELECT uuid FROM alerts WHERE status = 'processed' AND notified_at IS NOT NULL`).catch(
      (error: unknown) => [{ uuid: error }],
    );
    return rows.map(({ uuid }) => String(uuid)).toSorted();
  };
  await expect.poll(processed, POLL).toEqual(accepted.toSorted());
}

function isRunning({ pid }: PostgresServer): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function openStackOnDisk(backend: Backend, disk: SmallDisk) {
  const postgres = await startPostgres(join(disk.folder, 'data'));
  onTestFinished(postgres.stop);
  await migrate(postgres.url);
  // The port of PostgreSQL changes when it restarts.
  const proxy = await startTcpProxy(postgres.port);
  onTestFinished(proxy.close);
  const url = new URL(postgres.url);
  url.port = `${proxy.port}`;
  const pool = new pg.Pool({ connectionString: url.href, max: 1, connectionTimeoutMillis: 5_000 });
  pool.on('error', () => {});
  onTestFinished(() => pool.end());
  const query = async (sql: string): Promise<Record<string, unknown>[]> => (await pool.query(sql)).rows;
  const env = { PICTURES: 'off' };
  const stack = await createStack({ backend, database: { url: url.href }, env });
  onTestFinished(async () => {
    await stack.close();
    disk.release();
  });
  await stack.start();
  // A server that has run for a while has files of its log to reuse.
  for (let n = 0; n < 5; n += 1) {
    await query('SELECT pg_logical_emit_message(true, $$test$$, $$x$$)');
    await query('SELECT pg_switch_wal()');
  }
  await query('CHECKPOINT');
  return { stack, postgres, proxy, query };
}

function postAlert(stack: Stack, uuid: string): Promise<Response> {
  return stack.request('/alerts', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ uuid, video: '/videos/test_2.mp4', store: 'full', timestamp: 1_748_871_320 }),
  });
}

/** Posts alerts and adds those that are accepted. Returns the uuid of the first one that is not. */
async function postUntilRejected(stack: Stack, accepted: Set<string>): Promise<string> {
  for (let n = 0; n < MAX_ALERTS; n += 1) {
    const uuid = randomUUID();
    const response = await postAlert(stack, uuid);
    if (response.status === 202) {
      accepted.add(uuid);
      await response.arrayBuffer();
      continue;
    }
    expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(response.headers.get('retry-after')).toBe('30');
    expect(await response.json()).toMatchObject({
      type: '/problems/unavailable',
      status: 503,
      detail: 'The disk of the database is full.',
      request_id: expect.any(String),
    });
    return uuid;
  }
  throw new Error(`${MAX_ALERTS} alerts fit on a full disk`);
}

async function expectFull(stack: Stack): Promise<void> {
  const response = await stack.request('/readyz');
  expect([response.status, await response.json()]).toMatchObject([
    503,
    { detail: 'Failed checks: database_disk.', checks: { database: 'ok', migrations: 'ok', database_disk: FULL } },
  ]);
  expect(await gauge(stack.apiUrl, 'disk_full{disk="database"}')).toBe(1);
}

async function gauge(origin: string, series: string): Promise<number | undefined> {
  const text = await (await fetch(`${origin}/metrics`)).text();
  const line = text.split('\n').find((each) => each.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}
