import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import { migrate } from '#prisma/migrate.ts';
import { mediaSettings } from '#test/harness/media.ts';
import { freePorts } from '#test/harness/ports.ts';
import { type Receiver, startReceiver } from '#test/harness/receiver.ts';
import { runCommand } from '#test/harness/run-command.ts';
import type { Service } from '#test/harness/service.ts';
import { type Backend, createStack, type Stack } from '#test/harness/stack.ts';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { type Load, startLoad } from './load.ts';
import { type CheckedOut, checkOut, missingCommit, previousRelease } from './previous-release.ts';

// A rolling upgrade and a rollback, as docs/upgrade.md describes them, under load.

const ROOT = join(import.meta.dirname, '../..');
const TIMEOUT = 900_000;
const POLL = { timeout: 300_000, interval: 100 };
/** Alerts that each process has to handle in each phase. */
const PER_PHASE = 20;
const SECRETS_KEY = Buffer.alloc(32, 'upgrade').toString('base64');

const release = await previousRelease();
const missing = await missingCommit(release);
if (missing !== undefined) process.stderr.write(`The test of upgrades is skipped: ${missing}.\n`);

describe.skipIf(missing !== undefined)(`version ${release.version} next to the current code`, () => {
  let previous: CheckedOut;
  beforeAll(async () => {
    previous = await checkOut(release);
  });
  afterAll(() => previous?.remove());

  it('upgrades and goes back without failed requests or lost alerts, queue on postgres', { timeout: TIMEOUT }, () =>
    upgradeAndGoBack('postgres', previous),
  );
  it.skipIf(inject('redisCommand') === null)(
    'upgrades and goes back without failed requests or lost alerts, queue on redis',
    { timeout: TIMEOUT },
    () => upgradeAndGoBack('redis', previous),
  );
});

type Version = { api: Service; worker: Service; apiUrl: string; opsUrl: string };

async function upgradeAndGoBack(backend: Backend, { folder }: CheckedOut): Promise<void> {
  const { stack, before, after, receiver } = await openVersions(backend, folder);
  await start(before);
  await createDestination(before.apiUrl, receiver);
  const load = startLoad([before.apiUrl]);
  onTestFinished(() => load.stop());
  await expectProgress(load, [before]);

  await migrateUnderLoad(stack, load, before);
  await start(after);
  await load.sendTo([before.apiUrl, after.apiUrl]);
  await expectProgress(load, [before, after]);

  // The previous release can also be restarted on the new tables.
  await load.sendTo([after.apiUrl]);
  await stop(before);
  await start(before);
  await load.sendTo([before.apiUrl, after.apiUrl]);
  await expectProgress(load, [before, after]);
  await retryOnTheOther(stack, before, after);

  await load.sendTo([after.apiUrl]);
  await stop(before);
  await expectProgress(load, [after]);

  await start(before);
  await load.sendTo([before.apiUrl]);
  await stop(after);
  await expectProgress(load, [before]);
  await load.stop();

  expect(load.failed).toEqual([]);
  await expectNothingLost(stack, load, receiver);
  expect([before, after].flatMap(({ api, worker }) => errorLines(api, worker))).toEqual([]);
}

async function openVersions(backend: Backend, folder: string) {
  const database = await createTestDatabase({ empty: true });
  onTestFinished(database.drop);
  const { code, err } = await runCommand(relative(ROOT, join(folder, 'prisma/migrate.ts')), [], {
    DATABASE_URL: database.url,
  });
  expect(code, err).toBe(0);
  const media = await mkdtemp(join(tmpdir(), 'upgrade-media-'));
  onTestFinished(() => rm(media, { recursive: true, force: true }));
  const receiver = await startReceiver();
  onTestFinished(receiver.close);
  const env = { SECRETS_KEY, DESTINATION_ALLOW_CIDRS: '127.0.0.1/32', ...(await mediaSettings(media)) };
  const stack = await createStack({ backend, database, env });
  onTestFinished(stack.close);
  await stack.videoServer?.start();
  const [apiPort = 0, opsPort = 0] = await freePorts(2);
  const entry = (path: string) => relative(ROOT, join(folder, path));
  const before: Version = {
    api: stack.addService('previous-api', entry('api/index.ts'), { PORT: `${apiPort}` }),
    worker: stack.addService('previous-worker', entry('worker/index.ts'), { OPS_PORT: `${opsPort}` }),
    apiUrl: `http://127.0.0.1:${apiPort}`,
    opsUrl: `http://127.0.0.1:${opsPort}`,
  };
  const [api, worker] = [stack.apis[0], stack.workers[0]];
  if (!api || !worker) throw new Error('the stack has no services');
  return { stack, before, after: { api, worker, apiUrl: stack.apiUrl, opsUrl: stack.opsUrl }, receiver };
}

async function start({ api, worker }: Version): Promise<void> {
  await Promise.all([worker.start(), api.start()]);
}

async function stop({ api, worker }: Version): Promise<void> {
  await Promise.all([worker.stop(), api.stop()]);
  expect([await api.process?.ended, await worker.process?.ended]).toEqual(['0', '0']);
}

/** Applies the current migrations, and then adds a column to each table, as a later release may do. */
async function migrateUnderLoad(stack: Stack, load: Load, before: Version): Promise<void> {
  await migrate(stack.databaseUrl);
  await query(
    stack.databaseUrl,
    `DO $$ DECLARE name text; BEGIN
      FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename <> '_prisma_migrations' LOOP
        EXECUTE format('ALTER TABLE %I ADD COLUMN added_later text NOT NULL DEFAULT %L', name, 'x');
      END LOOP;
    END $$`,
  );
  await expectProgress(load, [before]);
  await expectReady(before);
}

async function expectReady({ apiUrl, opsUrl }: Version): Promise<void> {
  for (const origin of [apiUrl, opsUrl]) {
    await expect.poll(async () => (await fetch(`${origin}/readyz`)).status, POLL).toBe(200);
  }
}

/** Waits until each api has accepted, and each worker has finished, more alerts than now. */
async function expectProgress(load: Load, versions: Version[]): Promise<void> {
  const accepted = ({ apiUrl }: Version) => [...load.alerts.values()].filter((origin) => origin === apiUrl).length;
  const finished = ({ worker }: Version) => worker.lines.filter((line) => line.startsWith('[Notification]')).length;
  const counts = () => versions.flatMap((version) => [accepted(version), finished(version)]);
  const first = counts();
  const more = () => counts().map((count, i) => Math.min(PER_PHASE, count - (first[i] ?? 0)));
  await expect.poll(more, POLL).toEqual(first.map(() => PER_PHASE));
}

async function createDestination(apiUrl: string, receiver: Receiver): Promise<void> {
  const config = { url: `${receiver.url}/` };
  const response = await post(`${apiUrl}/destinations`, { name: 'receiver', kind: 'webhook', config });
  expect(response.status, await response.text()).toBe(201);
}

/** A failed alert of each version is retried by the api of the other one. */
async function retryOnTheOther(stack: Stack, before: Version, after: Version): Promise<void> {
  const sql = `SELECT uuid FROM alerts WHERE status = 'failed' AND notified_at IS NOT NULL ORDER BY id LIMIT 1`;
  const desc = sql.replace('ORDER BY id', 'ORDER BY id DESC');
  const [oldest] = await query(stack.databaseUrl, sql);
  const [newest] = await query(stack.databaseUrl, desc);
  for (const [row, { apiUrl }] of [[oldest, after] as const, [newest, before] as const]) {
    const response = await post(`${apiUrl}/alerts/${row?.uuid}/retry`);
    expect(response.status, await response.text()).toBe(202);
  }
}

/** Every alert ends with one result, one notification and one message. */
async function expectNothingLost(stack: Stack, load: Load, receiver: Receiver): Promise<void> {
  const unfinished = async () =>
    (await query(stack.databaseUrl, `SELECT count(*)::int AS n FROM alerts WHERE notified_at IS NULL`))[0]?.n;
  await expect.poll(unfinished, POLL).toBe(0);
  const rows = await query(stack.databaseUrl, 'SELECT uuid, video, status, failure_code FROM alerts');
  expect(new Set(rows.map(({ uuid }) => uuid))).toEqual(new Set(load.alerts.keys()));
  for (const { video, status, failure_code } of rows) {
    if (video === '/videos/broken.mp4') expect([status, failure_code]).toEqual(['failed', 'video_unreadable']);
    else expect(status, String(failure_code)).toBe('processed');
  }
  const pending = async () =>
    (await query(stack.databaseUrl, `SELECT count(*)::int AS n FROM deliveries WHERE status <> 'delivered'`))[0]?.n;
  await expect.poll(pending, POLL).toBe(0);
  const messages = receiver.ids();
  expect(messages.size).toBe(rows.length);
}

/** Returns what was logged as an error, except that a busy machine did not connect in time. */
function errorLines(...services: Service[]): string[] {
  const lines = services.flatMap((service) => service.lines.filter((line) => /^\{.*"level":[56]0/.test(line)));
  return lines.filter((line) => !line.includes('"code":"database_unavailable"'));
}

function post(url: string, body?: object): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}
