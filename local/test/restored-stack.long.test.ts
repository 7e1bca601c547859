import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { expect, it, onTestFinished } from 'vitest';
import { openEvents } from '#api/test/event-reader.ts';
import { temporaryFolder } from '#backup/test/fixture.ts';
import { startPostgres } from '#test/harness/postgres.ts';
import { type Receiver, startReceiver } from '#test/harness/receiver.ts';
import { createStack, type Stack } from '#test/harness/stack.ts';
import { createTestDatabase } from '#test/harness/test-database.ts';

const ALERTS = 100_000;
const UNFINISHED = 5_000;
const KEY = Buffer.alloc(32, 7).toString('base64');
const ENV = { SECRETS_KEY: KEY, DESTINATION_ALLOW_CIDRS: '127.0.0.0/8', PICTURES: 'off' };
const LIMIT = { timeout: 900_000, interval: 1_000 };

async function query<Row extends pg.QueryResultRow>(url: string, sql: string, values: unknown[] = []): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(sql, values)).rows;
  } finally {
    await client.end();
  }
}

/** Finished alerts, of which every tenth was delivered, and unfinished ones in both states of that. */
const ROWS = `
  INSERT INTO alerts (uuid, video, store, timestamp, request_id, status, claims, attempts, resolution, width, height,
    received_at, updated_at, processed_at, notified_at)
  SELECT gen_random_uuid(), '/videos/test_2.mp4', 'store-' || n % 50, 1795000000 + n, 'r',
    (CASE WHEN n > $1 - $2 THEN CASE WHEN n % 5 = 0 THEN 'processing' ELSE 'pending' END ELSE 'processed' END)::alert_status,
    1, 1, CASE WHEN n <= $1 - $2 THEN '640x360' END, CASE WHEN n <= $1 - $2 THEN 640 END, CASE WHEN n <= $1 - $2 THEN 360 END,
    now() - interval '1 hour', now() - interval '1 hour', CASE WHEN n <= $1 - $2 THEN now() - interval '1 hour' END,
    CASE WHEN n <= $1 - $2 THEN now() - interval '1 hour' END
  FROM generate_series(1, $1::int) n`;
const DELIVERED = `
  INSERT INTO deliveries (destination_id, alert_id, event, store, snapshot, status, attempts, delivered_at)
  SELECT (SELECT id FROM destinations), id, 'alert.processed', store, '{}', 'delivered', 1, now() FROM alerts
  WHERE status = 'processed' AND id % 10 = 0`;

function command(entry: string, args: string[], env: Record<string, string>): Promise<{ stdout: string }> {
  const root = join(import.meta.dirname, '../..');
  return promisify(execFile)(process.execPath, [join(root, entry), ...args], { env, maxBuffer: 1e7 });
}

async function openSource(receiver: Receiver): Promise<{ url: string }> {
  const database = await createTestDatabase({ queue: true });
  onTestFinished(database.drop);
  const stack = await createStack({ database, env: ENV, videos: 'none' });
  await stack.apis[0]?.start();
  // Alerts this old are late, too.
  const filter = { events: ['alert.processed'] };
  const body = JSON.stringify({ name: 'shop', kind: 'webhook', config: { url: receiver.url }, filter });
  const response = await stack.request('/destinations', {
    ...{ method: 'POST', headers: { 'content-type': 'application/json' }, body },
  });
  expect(response.status, await response.clone().text()).toBe(201);
  await stack.close();
  await query(database.url, ROWS, [ALERTS, UNFINISHED]);
  await query(database.url, DELIVERED);
  return database;
}

it('serves a restored backup of 100,000 alerts, repeats nothing and finishes the unfinished ones', async () => {
  await using receiver = await startReceiver();
  const source = await openSource(receiver);
  const folder = await temporaryFolder();
  const backups = join(folder, 'backups');
  await command('local/backup.ts', ['--to', backups], { DATABASE_URL: source.url });

  const drilled = await command('local/restore-drill.ts', ['--from', backups], {
    DATABASE_URL: source.url,
    SECRETS_KEY: KEY,
  });
  expect(drilled.stdout).toContain(`rows restored, 0 differences, ${UNFINISHED} unfinished alerts`);
  expect(drilled.stdout).not.toContain('warning');

  const started = performance.now();
  const server = await startPostgres(join(folder, 'postgres'));
  onTestFinished(() => server.stop());
  const restored = await command('local/restore.ts', ['--from', backups], {
    DATABASE_URL: server.url,
    SECRETS_KEY: KEY,
  });
  expect(restored.stdout).toContain(`attempts released: ${UNFINISHED / 5}`);
  const lines: string[] = [];
  const stack = await startRestored(server.url, lines);
  const seconds = (performance.now() - started) / 1_000;
  process.stdout.write(`${ALERTS} alerts: restored and served after ${seconds.toFixed(0)} s\n`);

  const reader = await openEvents(`${stack.apiUrl}/alerts/events`);
  onTestFinished(() => reader.close());
  await stack.workers[0]?.start();
  const unfinished = async () => {
    const [row] = await query<{ n: number }>(
      server.url,
      'SELECT count(*)::int AS n FROM alerts WHERE notified_at IS NULL',
    );
    return row?.n;
  };
  await expect.poll(unfinished, LIMIT).toBe(0);
  const pending = "SELECT count(*)::int AS n FROM deliveries WHERE status <> 'delivered'";
  await expect.poll(() => query(server.url, pending), LIMIT).toEqual([{ n: 0 }]);
  await assertNothingRepeated(server.url, lines, receiver);

  // Each event is a change that happened after the restore.
  const first = await query<{ uuid: string }>(server.url, 'SELECT uuid FROM alerts ORDER BY id LIMIT $1', [
    ALERTS - UNFINISHED,
  ]);
  const old = new Set(first.map(({ uuid }) => uuid));
  await expect.poll(() => new Set(uuidsIn(reader.text())).size, LIMIT).toBe(UNFINISHED);
  expect(uuidsIn(reader.text()).filter((uuid) => old.has(uuid))).toEqual([]);
}, 1_800_000);

/** Notifications of the console and webhooks are those of the unfinished alerts, each exactly once. */
async function assertNothingRepeated(url: string, lines: string[], receiver: Receiver): Promise<void> {
  const order = 'SELECT uuid FROM alerts ORDER BY id OFFSET $1';
  const expected = (await query<{ uuid: string }>(url, order, [ALERTS - UNFINISHED])).map(({ uuid }) => uuid).sort();
  const notified = lines.filter((line) => line.includes('notified_at')).flatMap((line) => uuidsIn(line).slice(0, 1));
  expect(notified.sort()).toEqual(expected);
  const delivered = receiver.received.map(({ body }) => JSON.parse(body));
  expect(Math.max(...receiver.ids().values())).toBe(1);
  expect(delivered.map(({ data }) => data.uuid).sort()).toEqual(expected);
}

async function startRestored(url: string, lines: string[]): Promise<Stack> {
  const env = { ...ENV, NOTIFIER_FORMAT: 'json' };
  const stack = await createStack({ database: { url }, env, onLine: (line) => void lines.push(line) });
  onTestFinished(stack.close);
  await stack.videoServer?.start();
  await stack.apis[0]?.start();
  expect((await stack.request('/readyz')).status).toBe(200);
  return stack;
}

function uuidsIn(text: string): string[] {
  return text.match(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g) ?? [];
}
