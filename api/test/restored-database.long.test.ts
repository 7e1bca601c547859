import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { expect, it, onTestFinished } from 'vitest';
import { migrate } from '#prisma/migrate.ts';
import { migrateQueue } from '#redis/migrate.ts';
import { startPostgres } from '#test/harness/postgres.ts';
import { startTcpProxy, type TcpProxy } from '#test/harness/tcp-proxy.ts';
import { openEvents } from './event-reader.ts';
import { json, newAlert, POLL, startTestApi } from './test-api.ts';

async function query(url: string, sql: string, values: unknown[] = []): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await client.query(sql, values);
  } finally {
    await client.end();
  }
}

async function startMigrated() {
  const folder = await mkdtemp(join(tmpdir(), 'restore-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const server = await startPostgres(folder);
  onTestFinished(() => server.stop());
  await migrate(server.url);
  await migrateQueue(server.url);
  return server;
}

/** Copies all alerts, with every column, as a dump and its restore do. */
async function copyAlerts(from: string, to: string): Promise<void> {
  const { rows } = await query(from, 'SELECT to_json(alerts)::text AS alert FROM alerts');
  for (const { alert } of rows) {
    await query(to, 'INSERT INTO alerts SELECT * FROM json_populate_record(NULL::alerts, $1)', [alert]);
  }
  await query(to, `SELECT setval(pg_get_serial_sequence('alerts', 'id'), max(id)) FROM alerts`);
}

function throughProxy(url: string, proxy: TcpProxy): string {
  const proxied = new URL(url);
  proxied.port = `${proxy.port}`;
  return proxied.href;
}

it('streams get a reset and new streams work after a restore into a cluster with lower transaction ids', async () => {
  const [old, restored] = [await startMigrated(), await startMigrated()];
  await query(old.url, 'DO $$ BEGIN FOR n IN 1..5000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$');
  const proxy = await startTcpProxy(old.port);
  onTestFinished(proxy.close);
  const url = throughProxy(old.url, proxy);
  const api = await startTestApi({ databaseUrl: url, queueUrl: url });
  onTestFinished(() => api.close());

  const open = await openEvents(`${api.url}/alerts/events`);
  const alert = newAlert();
  expect((await api.post(alert)).status).toBe(202);
  const { id } = await open.next();

  proxy.drop();
  await copyAlerts(old.url, restored.url);
  // The api's URL stays the same, with its password.
  const password = decodeURIComponent(new URL(old.url).password);
  await query(restored.url, `ALTER ROLE CURRENT_USER PASSWORD '${password}'`);
  proxy.connectTo(restored.port);
  await proxy.accept();
  expect(await open.next()).toMatchObject({ event: 'reset', data: {} });
  await open.ended;
  expect((await json(await fetch(`${api.url}/alerts/${alert.uuid}`))).uuid).toBe(alert.uuid);

  const again = await openEvents(`${api.url}/alerts/events`, { 'last-event-id': id });
  expect(await again.next()).toMatchObject({ event: 'reset' });
  const live = await openEvents(`${api.url}/alerts/events`, { 'last-event-id': open.lastId() });
  await expect.poll(() => live.lastId(), POLL).toBeTruthy();
  const next = newAlert();
  expect((await api.post(next)).status).toBe(202);
  for (const reader of [again, live]) {
    expect((await reader.next()).data.uuid).toBe(next.uuid);
    reader.close();
  }
}, 600_000);
